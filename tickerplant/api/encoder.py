"""Rows as JSON, NDJSON, CSV, Arrow and Parquet: the same values in each, none of them through a float.

Texts are made column by column: decimals in canonical form (no exponent, no trailing zeros), times in
RFC 3339 UTC with six digits of the second.
"""

import csv
import io
import json
from collections.abc import Callable
from enum import StrEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tickerplant.api.exact import SCALE, Wide, decimals, wide

_ONE = np.uint64(10**SCALE)


class Format(StrEnum):
    """In which form rows are wanted."""

    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    ARROW = "arrow"
    PARQUET = "parquet"


MEDIA_TYPES = {
    Format.JSON: "application/json",
    Format.NDJSON: "application/x-ndjson",
    Format.CSV: "text/csv",
    Format.ARROW: "application/vnd.apache.arrow.stream",
    Format.PARQUET: "application/vnd.apache.parquet",
}


class Encoder:
    """Turns tables of rows into bytes."""

    def encode(self, table: pa.Table, form: Format) -> bytes:
        """Return the rows in a form that stands alone; JSON is an array."""
        return {
            Format.JSON: _json,
            Format.NDJSON: _ndjson,
            Format.CSV: _csv,
            Format.ARROW: _arrow,
            Format.PARQUET: _parquet,
        }[form](table)


def texts(column: pa.ChunkedArray, quote: Callable[[str], str], time_quote: str) -> pa.Array:
    """Return a column as text.

    Args:
        column: Values without nulls.
        quote: Makes a word safe where it goes.
        time_quote: What stands around a time and a decimal.
    """
    kind = column.type
    if pa.types.is_decimal(kind):
        return _quoted(decimal_texts(column), time_quote)
    if pa.types.is_timestamp(kind):
        spaced = pc.cast(column.combine_chunks().cast(pa.timestamp("us")), pa.string())
        joined = pc.binary_join_element_wise(
            pc.utf8_slice_codeunits(spaced, 0, 10), "T", pc.utf8_slice_codeunits(spaced, 11), "Z", ""
        )
        return _quoted(joined, time_quote)
    if pa.types.is_string(kind):
        words = column.combine_chunks().dictionary_encode()
        safe = pa.array([quote(word) for word in words.dictionary.to_pylist()], pa.string())
        return safe.take(words.indices)
    return pc.cast(column.combine_chunks(), pa.string())


def decimal_texts(column: pa.ChunkedArray) -> pa.Array:
    """Return decimals as canonical text, a column at a time."""
    numbers = wide(column)
    negative = numbers.high < 0
    low = np.where(negative, ~numbers.low + np.uint64(1), numbers.low)
    high = np.where(negative, ~numbers.high + (low == 0), numbers.high)
    # Arrow writes small numbers with an exponent: write them plus one, then take the one away again.
    small = (high == 0) & (low < _ONE)
    written = decimals(Wide(high, np.where(small, low + _ONE, low))).cast(pa.string())
    trimmed = pc.utf8_rtrim(pc.utf8_rtrim(written, "0"), ".")
    result = pc.if_else(pa.array(small), pc.utf8_replace_slice(trimmed, 0, 1, "0"), trimmed)
    if negative.any():
        result = pc.if_else(pa.array(negative), pc.binary_join_element_wise("-", result, ""), result)
    return result


def _quoted(column: pa.Array, mark: str) -> pa.Array:
    return pc.binary_join_element_wise(mark, column, mark, "") if mark else column


def _json_rows(table: pa.Table, end: str) -> bytes:
    pieces: list[object] = []
    for number, name in enumerate(table.column_names):
        pieces.append(("," if number else "{") + json.dumps(name) + ":")
        pieces.append(texts(table.column(name), json.dumps, '"'))
    return _joined([*pieces, "}" + end])


def _json(table: pa.Table) -> bytes:
    return b"[" + _json_rows(table, ",")[:-1] + b"]" if table.num_rows else b"[]"


def _ndjson(table: pa.Table) -> bytes:
    return _json_rows(table, "\n") if table.num_rows else b""


def _csv(table: pa.Table) -> bytes:
    head = ",".join(table.column_names).encode() + b"\r\n"
    if not table.num_rows:
        return head
    pieces: list[object] = []
    for number, name in enumerate(table.column_names):
        pieces += [","] if number else []
        pieces.append(texts(table.column(name), _csv_word, ""))
    return head + _joined([*pieces, "\r\n"])


def _csv_word(word: str) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([word])
    return line.getvalue()


def _arrow(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def _joined(pieces: list[object]) -> bytes:
    """Join the pieces of each row, and the rows, into one run of bytes."""
    rows = pc.binary_join_element_wise(*pieces, "")
    length = np.frombuffer(rows.buffers()[1], np.int32)[len(rows)]
    return bytes(memoryview(rows.buffers()[2])[:length])
