"""A ledger on disk: a folder of Parquet files and one JSON file that says how to judge them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tickproof.ledger.rows import AnyRows
from tickproof.ledger.schemas import SEEN, SENT

SENT_FILE = "sent.parquet"
META_FILE = "meta.json"
ROWS_A_GROUP = 1_000_000
ROWS_A_BATCH = 262_144
FEW_VALUES = ("symbol", "side", "hop", "source", "expect", "kind", "place")


@dataclass(frozen=True, slots=True)
class StoredRows:
    """The rows of one Parquet file, read a batch at a time."""

    path: Path
    rows_a_batch: int = ROWS_A_BATCH

    @property
    def num_rows(self) -> int:
        """Return how many rows the file holds."""
        return int(pq.read_metadata(self.path).num_rows)

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order, with these columns only; columns of few values come dictionary-encoded."""
        with pq.ParquetFile(self.path, read_dictionary=list(FEW_VALUES)) as file:
            present = [name for name in columns if name in file.schema_arrow.names]
            yield from file.iter_batches(batch_size=self.rows_a_batch, columns=present)

    def table(self) -> pa.Table:
        """Return all rows as one table in the schema they were saved in."""
        return pq.read_table(self.path)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was sent, what each hop showed, and how it is to be judged."""

    folder: Path
    sent: StoredRows
    seen: Mapping[str, StoredRows]
    meta: Mapping[str, Any]


def save(folder: Path, sent: pa.Table, seen: Mapping[str, AnyRows], meta: Mapping[str, Any]) -> Path:
    """Write a ledger; the folder is made if need be.

    `meta` says how to judge: `{"seed": 7, "target": "embedded", "hops": {"kafka": {"guarantee":
    "at-least-once", "order": true, "lanes": true, "event_time_unit": "us"}, ...}}`; the keys of a hop are the
    arguments of `tickproof.verdicts.judge`. Hops stand in the order of the way.
    """
    raise NotImplementedError


def load(folder: Path) -> Ledger:
    """Open a saved ledger. Rows are read when they are asked for.

    Raises:
        ValueError: The folder holds no ledger, or a broken one; one sentence says which file.
    """
    raise NotImplementedError


__all__ = ["SEEN", "SENT", "Ledger", "StoredRows", "load", "save"]
_ = json
