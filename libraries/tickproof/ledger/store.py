"""A ledger on disk: a folder of Parquet files and one JSON file that says how to judge them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tickproof.ledger.rows import AnyRows, batches_of
from tickproof.ledger.schemas import SEEN, SENT

SENT_FILE = "sent.parquet"
SEEN_FILE = "seen-{hop}.parquet"
META_FILE = "meta.json"
ROWS_A_GROUP = 1_000_000
ROWS_A_BATCH = 65_536
FEW_VALUES = ("symbol", "side", "hop", "source", "expect", "kind", "place")


@dataclass(frozen=True, slots=True)
class StoredRows:
    """The rows of one Parquet file, read a batch at a time.

    Args:
        path: The file.
        rows_a_batch: How many rows a batch holds at most.
    """

    path: Path
    rows_a_batch: int = ROWS_A_BATCH

    @property
    def num_rows(self) -> int:
        """Return how many rows the file holds."""
        return int(pq.read_metadata(self.path).num_rows)

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order, with these columns only; columns of few values come dictionary-encoded."""
        names = pq.read_schema(self.path).names
        few = [name for name in FEW_VALUES if name in names]
        wanted = [name for name in columns if name in names]
        with pq.ParquetFile(self.path, read_dictionary=few) as file:
            # One row group after the other: read in one go, the whole file's compressed pages stay in memory.
            groups = (
                file.iter_batches(self.rows_a_batch, row_groups=[group], columns=wanted)
                for group in range(file.num_row_groups)
            )
            yield from _one_ahead(chain.from_iterable(groups))

    def table(self) -> pa.Table:
        """Return all rows as one table, in the schema in which they were saved."""
        return pq.read_table(self.path)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was sent, what each hop showed, and how it is to be judged.

    Attributes:
        folder: Where it is kept.
        sent: Rows of `SENT`.
        seen: Rows of `SEEN` by hop, in the order of the way.
        meta: What `save` was given.
    """

    folder: Path
    sent: StoredRows
    seen: Mapping[str, StoredRows]
    meta: Mapping[str, Any]


def save(folder: Path, sent: AnyRows, seen: Mapping[str, AnyRows], meta: Mapping[str, Any]) -> Path:
    """Write a ledger and return its folder, which is made if need be.

    Args:
        folder: Where to write.
        sent: Rows of `SENT`.
        seen: Rows of `SEEN` by hop, in the order of the way.
        meta: Seed, target and whatever else helps to replay; `hops` says how each hop is to be judged, in the
            arguments of `tickproof.verdicts.judge`: `{"seed": 7, "target": "embedded", "hops": {"kafka":
            {"guarantee": "at-least-once", "order": true, "lanes": true, "event_time_unit": "us"}}}`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / SENT_FILE, sent, SENT)
    for hop, rows in seen.items():
        _write(folder / SEEN_FILE.format(hop=hop), rows, SEEN)
    hops = {hop: meta.get("hops", {}).get(hop, {}) for hop in seen}
    text = json.dumps({**meta, "hops": hops}, indent=2, ensure_ascii=False)
    (folder / META_FILE).write_text(text + "\n", encoding="utf-8")
    return folder


def load(folder: Path) -> Ledger:
    """Open a saved ledger. Rows are read when they are asked for.

    Raises:
        ValueError: The folder holds no ledger, or not all of one; one sentence says which file.
    """
    try:
        meta = json.loads((folder / META_FILE).read_text(encoding="utf-8"))
        hops = list(meta["hops"])
    except FileNotFoundError:
        raise ValueError(f"{folder} is no ledger: there is no {META_FILE}") from None
    except (ValueError, TypeError, KeyError):
        raise ValueError(
            f"{folder / META_FILE} cannot be read: it must be JSON with the key `hops`"
        ) from None
    sent = StoredRows(folder / SENT_FILE)
    seen = {hop: StoredRows(folder / SEEN_FILE.format(hop=hop)) for hop in hops}
    for rows in (sent, *seen.values()):
        _try(rows.path)
    return Ledger(folder, sent, seen, meta)


def _one_ahead(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Read the next batch while the last one is worked on."""
    with ThreadPoolExecutor(1, "ledger-reader") as reader:
        coming = reader.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, batches, None)
            yield batch


def _write(path: Path, rows: AnyRows, schema: pa.Schema) -> None:
    few = [name for name in FEW_VALUES if name in schema.names]
    # Quick to read again, and plain enough for other tools: LZ4, whole numbers and times as differences.
    whole = [
        field.name for field in schema if pa.types.is_integer(field.type) or pa.types.is_timestamp(field.type)
    ]
    encoding = dict.fromkeys(whole, "DELTA_BINARY_PACKED")
    # Texts stand there byte by byte: whoever looks for a secret in what a run left finds it in a ledger, too.
    compression = {field.name: "none" if pa.types.is_string(field.type) else "lz4" for field in schema}
    with pq.ParquetWriter(
        path,
        schema,
        compression=compression,
        use_dictionary=few,
        column_encoding=encoding,
        write_statistics=True,
    ) as writer:
        for table in _in_groups(batches_of(rows, schema.names), schema):
            writer.write_table(table, row_group_size=ROWS_A_GROUP)


def _in_groups(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Gather batches until they fill a row group."""
    gathered: list[pa.Table] = []
    for batch in batches:
        gathered.append(pa.Table.from_batches([batch]).select(schema.names).cast(schema))
        if sum(table.num_rows for table in gathered) >= ROWS_A_GROUP:
            yield pa.concat_tables(gathered)
            gathered = []
    yield pa.concat_tables(gathered) if gathered else schema.empty_table()


def _try(path: Path) -> None:
    try:
        pq.read_metadata(path)
    except FileNotFoundError:
        raise ValueError(f"the ledger in {path.parent} is not whole: {path.name} is missing") from None
    except (OSError, pa.ArrowInvalid):
        raise ValueError(f"{path} cannot be read: it is no whole Parquet file") from None
