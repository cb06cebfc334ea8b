"""Parquet data files: Arrow rows in, one sorted file a day out, described as Iceberg wants it."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
    schema_to_pyarrow,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.table import Table
from pyiceberg.typedef import Record

_MICROSECONDS_A_DAY = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Columns whose values repeat; dictionaries of the others cost time and are thrown away.
_DICTIONARY = ["symbol", "side", "source", "price", "quantity", "write_time", "source_partition"]


class DataFiles:
    """Writes the data files of one table.

    Args:
        table: the table whose schema, properties and location the files follow.
    """

    def __init__(self, table: Table) -> None:
        self._io = table.io
        self._spec_id = table.spec().spec_id
        self._sort_order_id = table.sort_order().order_id
        self._folder = f"{table.location().rstrip('/')}/data"
        # Readers find columns by the ids that this schema carries into each file.
        self._schema = schema_to_pyarrow(table.schema()).remove_metadata()
        self._statistics = compute_statistics_plan(table.schema(), table.properties)
        self._columns = parquet_path_to_id_mapping(table.schema())
        self._codec = table.properties.get("write.parquet.compression-codec", "zstd")

    def write(self, rows: pa.Table) -> list[DataFile]:
        """Write `rows`, which are sorted by the table's order, into one file a day of event time."""
        return [self._write_file(day, part) for day, part in _by_day(rows)]

    def _write_file(self, day: int, rows: pa.Table) -> DataFile:
        date = (_EPOCH + timedelta(days=day)).date().isoformat()
        path = f"{self._folder}/event_time_day={date}/{uuid.uuid4()}.parquet"
        output = self._io.new_output(path)
        with (
            output.create() as stream,
            pq.ParquetWriter(
                stream,
                self._schema,
                compression=self._codec,
                compression_level=1,
                use_dictionary=_DICTIONARY,
            ) as writer,
        ):
            writer.write_table(rows.cast(self._schema), row_group_size=131_072)
        statistics = data_file_statistics_from_parquet_metadata(
            parquet_metadata=writer.writer.metadata,
            stats_columns=self._statistics,
            parquet_column_mapping=self._columns,
        )
        return DataFile.from_args(
            content=DataFileContent.DATA,
            file_path=path,
            file_format=FileFormat.PARQUET,
            partition=Record(day),
            file_size_in_bytes=len(output),
            sort_order_id=self._sort_order_id,
            spec_id=self._spec_id,
            equality_ids=None,
            key_metadata=None,
            **statistics.to_serialized_dict(),
        )


def _by_day(rows: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """Split `rows` by the UTC day of their event time, in order of days, keeping the order within each."""
    times = pc.cast(rows["event_time"], pa.int64()).to_numpy()
    days = np.floor_divide(times, _MICROSECONDS_A_DAY)
    unique = np.unique(days)
    for day in unique.tolist():
        yield day, rows if len(unique) == 1 else rows.filter(pa.array(days == day))
