"""Answers in every format give the same sightings, with every digit."""

import io
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from messages.approved import approve
from tickproof.formats import READERS, read

DIGITS = "123456789012345678.123456789012345678"
ROWS: list[dict[str, Any]] = [
    {"symbol": "ETHBTC", "trade_id": 2**62, "price": DIGITS, "quantity": "0.00000001",
     "event_time": "2026-01-02T12:00:00.000001Z", "side": "buy", "source": "live"},
    {"symbol": "1000SATSUSDT", "trade_id": 7, "price": "1", "quantity": "1.5",
     "event_time": "2026-01-02T12:00:00.999999Z", "side": "sell", "source": "rest"},
]  # fmt: skip


def columnar() -> pa.Table:
    exact = pa.decimal128(38, 18)
    table = pa.Table.from_pylist(ROWS)
    for name in ("price", "quantity"):
        values = pa.array([Decimal(row[name]) for row in ROWS], exact)
        table = table.set_column(table.schema.get_field_index(name), name, values)
    times = table["event_time"].cast(pa.timestamp("us", "UTC"))
    return table.set_column(table.schema.get_field_index("event_time"), "event_time", times)


def written(form: str) -> bytes:
    sink = io.BytesIO()
    match form:
        case "json":
            return json.dumps({"data": ROWS}).encode()
        case "ndjson":
            return "\n".join(map(json.dumps, ROWS)).encode()
        case "csv":
            lines = [",".join(ROWS[0]), *(",".join(str(value) for value in row.values()) for row in ROWS)]
            return "\n".join(lines).encode()
        case "arrow":
            with pa.ipc.new_stream(sink, columnar().schema) as stream:
                stream.write_table(columnar())
        case "parquet":
            pq.write_table(columnar(), sink)
    return sink.getvalue()


@pytest.mark.parametrize("form", READERS)
def test_every_digit_is_kept(form: str) -> None:
    seen = read(form, written(form), "data")
    assert seen["price"].to_pylist() == [Decimal(DIGITS), Decimal(1)]
    assert seen["quantity"].to_pylist() == [Decimal("0.00000001"), Decimal("1.5")]
    assert seen["trade_id"].to_pylist() == [2**62, 7]
    assert seen["event_time"].cast(pa.int64()).to_pylist() == [
        1_767_355_200_000_001_000,
        1_767_355_200_999_999_000,
    ]
    assert seen["side"].to_pylist() == ["buy", "sell"]


BAD = {
    "json": [b"{", b"{}", b'{"data": [{"symbol": "A"}]}', b'{"data": 5}'],
    "ndjson": [b"{", b""],
    "csv": [b"symbol,trade_id\nA,1\n"],
    "arrow": [b"no stream"],
    "parquet": [b"no file"],
}


@pytest.mark.parametrize("form", BAD)
def test_what_cannot_be_read_is_red(form: str) -> None:
    for content in BAD[form]:
        with pytest.raises(
            AssertionError, match=f"The answer as {form} should hold trades, but cannot be read"
        ):
            read(form, content, "data")


def test_too_many_digits_are_not_rounded() -> None:
    rows = [{**ROWS[0], "price": "0.1234567890123456789"}]
    with pytest.raises(AssertionError) as failure:
        read("json", json.dumps({"data": rows}).encode(), "data")
    approve("format-too-many-digits", str(failure.value))
