"""Answers about trades in every format that an API may offer, read as sightings with every digit kept."""

import io
import json
from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from tickproof.ledger.schemas import SEEN, as_table
from tickproof.probes.exact import exact

_TEXTS = ("price", "quantity", "event_time")
_COLUMNS = ("symbol", "trade_id", *_TEXTS, "side")


def read(form: str, content: bytes, rows: str) -> pa.Table:
    """Read an answer.

    Args:
        form: A key of `READERS`.
        content: Its body.
        rows: The key of a JSON answer that holds the rows.

    Returns:
        Sightings (schema SEEN).

    Raises:
        AssertionError: It is not what its format says, or holds no trades.
    """
    try:
        return _sightings(READERS[form](content, rows), form)
    except (pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise AssertionError(
            f"The answer as {form} should hold trades, but cannot be read: {error}"
        ) from None


def _sightings(rows: pa.Table, form: str) -> pa.Table:
    """Make sightings of a table whose prices and times are texts, or exact already."""
    columns: dict[str, object] = {name: rows[name] for name in ("symbol", "trade_id", "side")}
    for name in ("price", "quantity"):
        values = rows[name]
        columns[name] = (
            exact(values, name, lambda row: f"{form}, row {row}")
            if pa.types.is_string(values.type)
            else values
        )
    columns["event_time"] = rows["event_time"].cast(SEEN.field("event_time").type)
    return as_table(SEEN, columns)


def _json(content: bytes, rows: str) -> pa.Table:
    found: Sequence[Mapping[str, object]] = json.loads(content, parse_float=str)[rows]
    return pa.Table.from_pylist([{name: row[name] for name in _COLUMNS} for row in found])


def _ndjson(content: bytes, _rows: str) -> pa.Table:
    wanted = pa.schema([(name, pa.int64() if name == "trade_id" else pa.string()) for name in _COLUMNS])
    options = pyarrow.json.ParseOptions(explicit_schema=wanted, unexpected_field_behavior="ignore")
    return pyarrow.json.read_json(io.BytesIO(content), parse_options=options)


def _csv(content: bytes, _rows: str) -> pa.Table:
    options = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(_TEXTS, pa.string()), include_columns=list(_COLUMNS)
    )
    return pyarrow.csv.read_csv(io.BytesIO(content), convert_options=options)


READERS: dict[str, Callable[[bytes, str], pa.Table]] = {
    "json": _json,
    "ndjson": _ndjson,
    "csv": _csv,
    "arrow": lambda content, _: pa.ipc.open_stream(content).read_all(),
    "parquet": lambda content, _: pyarrow.parquet.read_table(io.BytesIO(content)),
}
