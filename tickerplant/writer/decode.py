"""Kafka values to Arrow rows, a whole poll at once, and one bad message never takes others along."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from tickerplant.lake.schema import ARROW_SCHEMA
from tickerplant.writer import decimals
from tickerplant.writer.source import Polled

NOT_JSON = "not-json"
MISSING_FIELD = "missing-field"
NUMBER = {"price": "number-price", "quantity": "number-size"}
WRONG_TYPE = "wrong-type"
ID_OUT_OF_RANGE = "id-out-of-range"
TIME_OUT_OF_RANGE = "time-out-of-range"
NOT_A_NUMBER = {"price": "not-a-number-price", "quantity": "not-a-number-size"}
NEGATIVE = {"price": "negative-price", "quantity": "negative-size"}
UNKNOWN_SIDE = "unknown-side"
UNKNOWN_SOURCE = "unknown-source"
EMPTY_SYMBOL = "empty-symbol"

_BRACE = ord("{")
_TIMES = ("event_time", "venue_time", "ingest_time")

_WIRE_SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("trade_id", pa.int64()),
        ("price", pa.string()),
        ("quantity", pa.string()),
        ("event_time_us", pa.int64()),
        ("venue_time_us", pa.int64()),
        ("side", pa.string()),
        ("source", pa.string()),
        ("ingest_time_us", pa.int64()),
    ]
)
_PARSE = pj.ParseOptions(explicit_schema=_WIRE_SCHEMA, unexpected_field_behavior="ignore")

# The last moment that a timestamp in nanoseconds can hold; the platform's canonical time is one.
_LAST_MICROSECOND = (2**63 - 1) // 1_000

# What is stored but not on the wire: the moment of writing, which the commit adds.
ROWS_SCHEMA = pa.schema([item for item in ARROW_SCHEMA if item.name != "write_time"])


@dataclass(frozen=True)
class Reject:
    """A message that cannot be stored: its bytes, why, and where it came from."""

    reason: str
    value: bytes
    partition: int
    offset: int


@dataclass(frozen=True)
class Decoded:
    """The outcome of one poll: rows of `ROWS_SCHEMA`, in the order polled, and what could not be rows."""

    rows: pa.Table
    rejects: Sequence[Reject]


class Decoder:
    """Turns polled messages into rows, exactly as they are: no rounding, no guessing."""

    def decode(self, polled: Polled) -> Decoded:
        """Decode a whole poll."""
        rejects: dict[int, str] = {}
        parsed: list[pa.Table] = []
        places: list[np.ndarray] = []
        for start, outcome in _parse(polled.values, 0):
            if isinstance(outcome, str):
                rejects[start] = outcome
            else:
                parsed.append(outcome)
                places.append(np.arange(start, start + len(outcome)))
        wire = pa.concat_tables(parsed) if parsed else _WIRE_SCHEMA.empty_table()
        place = np.concatenate(places) if places else np.empty(0, dtype=np.int64)
        rows, refused = _check(wire.combine_chunks())
        good = np.ones(len(wire), dtype=bool)
        for row, reason in refused.items():
            good[row] = False
            rejects[int(place[row])] = reason
        columns = {
            **rows,
            "source_partition": pa.array(polled.partitions[place], pa.int32()),
            "source_offset": pa.array(polled.offsets[place], pa.int64()),
        }
        table = pa.table([columns[name] for name in ROWS_SCHEMA.names], names=ROWS_SCHEMA.names)
        if refused:
            table = table.filter(pa.array(good))
        return Decoded(table.cast(ROWS_SCHEMA), [_reject(polled, at, rejects[at]) for at in sorted(rejects)])


def _reject(polled: Polled, at: int, reason: str) -> Reject:
    return Reject(reason, polled.values[at] or b"", int(polled.partitions[at]), int(polled.offsets[at]))


def _parse(values: Sequence[bytes | None], start: int) -> Iterator[tuple[int, pa.Table | str]]:
    """Parse messages, and narrow a failure down by halves until only the bad ones are left out.

    Yields:
        The place of the first message and the rows, or the place of one message and why it is none.
    """
    table = _parse_together(values)
    if table is not None:
        yield start, table
    elif len(values) == 1:
        yield start, _explain(values[0])
    elif values:
        half = len(values) // 2
        yield from _parse(values[:half], start)
        yield from _parse(values[half:], start + half)


def _parse_together(values: Sequence[bytes | None]) -> pa.Table | None:
    """Return one row a message, or None when at least one of them is not exactly one JSON object."""
    # Each message starts an object, and there are as many rows as messages: so each is one row.
    if not values or not all(value and value[0] == _BRACE for value in values):
        return None
    text = b"\n".join(values)  # type: ignore[arg-type]  # the line above left no None
    try:
        table = pj.read_json(
            pa.BufferReader(text),
            read_options=pj.ReadOptions(use_threads=False, block_size=len(text) + 1),
            parse_options=_PARSE,
        )
        table.validate(full=True)
    except pa.ArrowInvalid:
        return None
    return table if len(table) == len(values) else None


def _explain(value: bytes | None) -> str:
    """Say why one message could not be parsed."""
    try:
        message = msgspec.json.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return NOT_JSON
    if not isinstance(message, dict):
        return NOT_JSON
    if any(message.get(name) is None for name in _WIRE_SCHEMA.names):
        return MISSING_FIELD
    for name, reason in NUMBER.items():
        if isinstance(message[name], int | float) and not isinstance(message[name], bool):
            return reason
    identity = message["trade_id"]
    if isinstance(identity, int) and not isinstance(identity, bool) and not -(2**63) <= identity < 2**63:
        return ID_OUT_OF_RANGE
    return WRONG_TYPE


def _check(wire: pa.Table) -> tuple[dict[str, pa.Array], dict[int, str]]:
    """Check values and convert them; return the columns, and the reason of each row that is refused."""
    columns = {name: wire[name].combine_chunks() for name in wire.schema.names}
    refused: dict[int, str] = {}

    def refuse(flags: np.ndarray, reason: str) -> None:
        for row in np.flatnonzero(flags).tolist():
            refused.setdefault(row, reason)

    for name, values in columns.items():
        if values.null_count:
            refuse(np.asarray(values.is_null()), MISSING_FIELD)
            columns[name] = values.fill_null(0 if pa.types.is_integer(values.type) else "")
    rows: dict[str, pa.Array] = {name: columns[name] for name in ("symbol", "trade_id", "side", "source")}
    refuse(np.asarray(pc.equal(columns["symbol"], "")), EMPTY_SYMBOL)
    identities = columns["trade_id"].to_numpy()
    refuse((identities < 0) | (identities == np.iinfo(np.int64).max), ID_OUT_OF_RANGE)
    for name in _TIMES:
        moments = columns[f"{name}_us"].to_numpy()
        refuse((moments < 0) | (moments > _LAST_MICROSECOND), TIME_OUT_OF_RANGE)
        rows[name] = columns[f"{name}_us"].view(pa.timestamp("us", tz="UTC"))
    for name in ("price", "quantity"):
        rows[name], inexact = decimals.exact(columns[name])
        for row in inexact:
            refused.setdefault(row, NOT_A_NUMBER[name])
        refuse(decimals.negative(rows[name]), NEGATIVE[name])
    refuse(~np.asarray(pc.is_in(columns["side"], pa.array(["buy", "sell"]))), UNKNOWN_SIDE)
    refuse(~np.asarray(pc.is_in(columns["source"], pa.array(["live", "rest"]))), UNKNOWN_SOURCE)
    return rows, refused
