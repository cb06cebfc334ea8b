"""Swap the table's metadata in a SQL catalog: one file written, one row compared and set."""

from collections.abc import Mapping
from typing import Any

from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.serializers import ToOutputFile
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import MetadataLogEntry
from sqlalchemy import update
from sqlalchemy.orm import Session

_KEPT_METADATA = "write.metadata.previous-versions-max"
_KEPT_METADATA_DEFAULT = "20"


def swap(table: Table, changes: Mapping[str, Any]) -> None:
    """Replace fields of the table's metadata, if the table still is as it was read; `table` follows.

    Whatever anybody else committed since the table was read moves the pointer, so nothing is ever overwritten.

    Raises:
        CommitFailedException: the table was changed by somebody else; nothing was changed here.
        TypeError: the table's catalog is no SQL catalog.
    """
    catalog = table.catalog
    if not isinstance(catalog, SqlCatalog):
        raise TypeError(f"a table of {type(catalog).__name__} cannot be swapped")
    before = table.metadata
    metadata = before.model_copy(
        update={**changes, "metadata_log": [*_shortened_log(before), _log_entry(table)]}
    )
    location = table.location_provider().new_table_metadata_file_location(_version(table) + 1)
    ToOutputFile.table_metadata(metadata, table.io.new_output(location))
    *namespace, name = table.name()
    statement = (
        update(IcebergTables)
        .where(
            IcebergTables.catalog_name == catalog.name,
            IcebergTables.table_namespace == ".".join(namespace),
            IcebergTables.table_name == name,
            IcebergTables.metadata_location == table.metadata_location,
        )
        .values(metadata_location=location, previous_metadata_location=table.metadata_location)
        .returning(IcebergTables.table_name)
    )
    with Session(catalog.engine) as session:
        changed = session.execute(statement).first()
        session.commit()
    if changed is None:
        table.io.delete(location)
        raise CommitFailedException(f"the table {name} was changed by somebody else")
    table.metadata = metadata
    table.metadata_location = location
    _delete_metadata_files(table, before)


def _version(table: Table) -> int:
    """Read the number that a metadata file's name begins with; files of other tools may have none."""
    number = table.metadata_location.rpartition("/")[2].partition("-")[0]
    return int(number) if number.isdecimal() else -1


def _log_entry(table: Table) -> MetadataLogEntry:
    return MetadataLogEntry.model_validate(
        {"metadata-file": table.metadata_location, "timestamp-ms": table.metadata.last_updated_ms}
    )


def _shortened_log(metadata: TableMetadata) -> list[MetadataLogEntry]:
    """Return the log of older metadata files with room for one more."""
    kept = max(1, int(metadata.properties.get(_KEPT_METADATA, _KEPT_METADATA_DEFAULT))) - 1
    return metadata.metadata_log[-kept:] if kept else []


def _delete_metadata_files(table: Table, before: TableMetadata) -> None:
    """Delete the metadata files that fell off the log; nothing refers to them any more."""
    kept = {entry.metadata_file for entry in table.metadata.metadata_log}
    for entry in before.metadata_log:
        if entry.metadata_file not in kept:
            table.io.delete(entry.metadata_file)
