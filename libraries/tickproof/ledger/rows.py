"""Rows that can be read again and again, a few at a time: a table in memory or a Parquet file."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import pyarrow as pa


@runtime_checkable
class Rows(Protocol):
    """A source of record batches; every call of `batches` starts from the first row."""

    @property
    def num_rows(self) -> int:
        """Return how many rows there are."""

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order, with these columns only; columns that are not there are left out."""


AnyRows: TypeAlias = Rows | pa.Table | Iterable[pa.RecordBatch]


def batches_of(rows: AnyRows, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield the record batches of whatever holds rows, with these columns only."""
    if isinstance(rows, pa.Table):
        present = [name for name in columns if name in rows.column_names]
        yield from rows.select(present).to_batches()
    elif isinstance(rows, Rows):
        yield from rows.batches(columns)
    else:
        for batch in rows:
            present = [name for name in columns if name in batch.schema.names]
            yield batch.select(present)
