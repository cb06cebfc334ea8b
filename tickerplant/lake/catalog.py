"""Open the catalog and the table; whoever comes first creates them, whoever comes second finds them."""

import contextlib
from pathlib import Path

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError, NoSuchTableError, TableAlreadyExistsError
from pyiceberg.table import Table
from sqlalchemy import event
from sqlalchemy.exc import DatabaseError, IntegrityError

from tickerplant.lake.schema import IDENTIFIER, PARTITION_SPEC, PROPERTIES, SCHEMA, SORT_ORDER

# The name that pyiceberg and its command line look for when none is given.
CATALOG_NAME = "default"

# Two processes that create the same SQLite tables at once: the loser finds them at its next look.
_OPEN_ATTEMPTS = 5


class LakeUnavailableError(RuntimeError):
    """The catalog or the warehouse cannot be opened; the message says which and why."""


def open_catalog(uri: str, warehouse: str) -> SqlCatalog:
    """Open the SQL catalog at `uri` whose tables live under `warehouse`, and create it when it is new.

    Args:
        uri: SQLAlchemy address of the catalog, such as `sqlite:////var/lib/lake/catalog.db`.
        warehouse: folder or `file://` address under which tables keep their files.

    Raises:
        LakeUnavailableError: the catalog cannot be opened or created.
    """
    _make_folders(uri, warehouse)
    for attempt in range(1, _OPEN_ATTEMPTS + 1):
        try:
            catalog = SqlCatalog(CATALOG_NAME, uri=uri, warehouse=_address(warehouse))
        except DatabaseError as error:
            if attempt == _OPEN_ATTEMPTS:
                raise LakeUnavailableError(f"the catalog {uri} cannot be opened: {error.orig}") from error
        else:
            break
    if catalog.engine.dialect.name == "sqlite":
        event.listen(catalog.engine, "connect", _tune_sqlite)
        catalog.engine.dispose()  # connections opened before the listener would lack its settings
    return catalog


def ensure_table(catalog: SqlCatalog) -> Table:
    """Return the table of trades, creating it when it is missing; several processes may do so at once."""
    try:
        return catalog.load_table(IDENTIFIER)
    except NoSuchTableError:
        pass
    with contextlib.suppress(NamespaceAlreadyExistsError, IntegrityError):
        catalog.create_namespace(IDENTIFIER[:-1])
    try:
        return catalog.create_table(
            IDENTIFIER,
            schema=SCHEMA,
            partition_spec=PARTITION_SPEC,
            sort_order=SORT_ORDER,
            properties=PROPERTIES,
        )
    except TableAlreadyExistsError:
        return catalog.load_table(IDENTIFIER)


def _make_folders(uri: str, warehouse: str) -> None:
    """Create the folders that SQLite and local files need; other addresses are left alone."""
    folders = []
    if uri.startswith("sqlite:///"):
        folders.append(Path(uri.removeprefix("sqlite:///").partition("?")[0]).parent)
    if _address(warehouse).startswith("file://"):
        folders.append(Path(_address(warehouse).removeprefix("file://")))
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LakeUnavailableError(f"the folder {folder} cannot be created: {error.strerror}") from error


def _address(warehouse: str) -> str:
    """Return `warehouse` as an address: plain paths become absolute `file://` addresses."""
    return warehouse if "://" in warehouse else f"file://{Path(warehouse).resolve()}"


def _tune_sqlite(connection: object, _record: object) -> None:
    """Let readers and the one writer of a SQLite catalog work side by side, and wait for each other."""
    cursor = connection.cursor()  # type: ignore[attr-defined]  # a DB-API connection
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA busy_timeout=10000")
    cursor.close()
