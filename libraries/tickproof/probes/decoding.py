"""JSON from a hop into columns: in bulk where all is well, row by row to say which one is not."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from tickproof.probes.errors import UnreadableRowError
from tickproof.target import ColumnType
from tickproof.target.model import arrow_schema

_LARGEST = 2**63


class _Number(str):
    """The source text of a JSON number that is not a whole one."""

    __slots__ = ()


def decode_values(
    values: Sequence[bytes], columns: Mapping[str, ColumnType], where: Callable[[int], str]
) -> pa.Table:
    """Decode JSON objects, one a value.

    Args:
        values: The objects as bytes.
        columns: The fields to take; others are left.
        where: Says where the value with this number stands.

    Returns:
        One row a value. A field that an object lacks is null.

    Raises:
        UnreadableRowError: A value is no JSON object or a field has another type than declared.
    """
    if not values:
        return arrow_schema(columns).empty_table()
    if ColumnType.NUMBER not in columns.values():
        table = _decode_in_bulk(values, columns)
        if table is not None:
            return table
    rows = []
    for n, value in enumerate(values):
        try:
            row = load_exactly(value)
        except ValueError as error:
            raise UnreadableRowError(f"A value should be JSON, but {error} ({where(n)}).") from None
        if not isinstance(row, dict):
            raise UnreadableRowError(f"A value should be a JSON object, but is {_shown(row)} ({where(n)}).")
        rows.append(row)
    return to_table(rows, columns, where)


def load_exactly(text: bytes | str) -> Any:  # noqa: ANN401 - JSON may be anything
    """Parse JSON without making floats: numbers with a point or an exponent stay text of a type of their own.

    Raises:
        ValueError: The text is not JSON.
    """
    return json.loads(text, parse_float=_Number, parse_constant=_refuse_constant)


def to_table(
    rows: Sequence[Mapping[str, Any]], columns: Mapping[str, ColumnType], where: Callable[[int], str]
) -> pa.Table:
    """Make columns of parsed rows.

    Args:
        rows: Rows as `load_exactly` gives them.
        columns: The fields to take; others are left.
        where: Says where the row with this number stands.

    Returns:
        One row a row. A field that a row lacks is null.

    Raises:
        UnreadableRowError: A field has another type than declared.
    """
    schema = arrow_schema(columns)
    arrays = []
    for name, kind in columns.items():
        values = [row.get(name) for row in rows]
        for n, value in enumerate(values):
            if value is not None and not _is(kind, value):
                raise UnreadableRowError(
                    f"{name} should be {_WORDS[kind]}, but is {_shown(value)} ({where(n)})."
                )
        if kind is ColumnType.NUMBER:
            values = [None if value is None else str(value) for value in values]
        stored = pa.string() if kind is ColumnType.TIME else schema.field(name).type
        array = pa.chunked_array([pa.array(values, stored)])
        arrays.append(_times(array, name, where) if kind is ColumnType.TIME else array)
    return pa.Table.from_arrays(arrays, schema=schema)


_WORDS = {
    ColumnType.TEXT: "text",
    ColumnType.INTEGER: "a whole number",
    ColumnType.BOOLEAN: "true or false",
    ColumnType.NUMBER: "a number",
    ColumnType.TIME: "a time with a zone such as 2026-01-02T03:04:05.000006Z",
}


def _decode_in_bulk(values: Sequence[bytes], columns: Mapping[str, ColumnType]) -> pa.Table | None:
    """Decode with pyarrow; None when it refuses, so that the slow way can say why."""
    lines = b"\n".join((b"", *values))
    # With one object or more in each value, as many rows as values means one each.
    if lines.count(b"\n{") != len(values):
        return None
    source = pa.schema(
        [
            (field.name, pa.string() if columns[field.name] is ColumnType.TIME else field.type)
            for field in arrow_schema(columns)
        ]
    )
    try:
        table = pyarrow.json.read_json(
            io.BytesIO(lines),
            # A block is decoded by one thread; it must be longer than the longest value.
            read_options=pyarrow.json.ReadOptions(block_size=max(1 << 20, max(map(len, values)) + 1)),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=source, unexpected_field_behavior="ignore"
            ),
        )
        table.validate(full=True)  # pyarrow does not look whether texts are UTF-8
    except pa.ArrowInvalid:
        return None
    if table.num_rows != len(values):
        return None
    for n, field in enumerate(source):
        if columns[field.name] is ColumnType.TIME:
            try:
                times = _times(table[field.name], field.name, str)
            except UnreadableRowError:
                return None
            table = table.set_column(n, field.name, times)
    return table


def _times(texts: pa.ChunkedArray, name: str, where: Callable[[int], str]) -> pa.ChunkedArray:
    """Read RFC 3339 times to the nanosecond; pyarrow refuses any without a zone."""
    zoned = pa.timestamp("ns", tz="UTC")
    try:
        times = pc.cast(texts, zoned)
    except pa.ArrowInvalid:
        for n, text in enumerate(texts.to_pylist()):
            try:
                pc.cast(pa.array([text], pa.string()), zoned)
            except pa.ArrowInvalid:
                raise UnreadableRowError(
                    f'{name} should be {_WORDS[ColumnType.TIME]}, but is "{text}" ({where(n)}).'
                ) from None
        raise
    return pc.cast(times, pa.timestamp("ns"))


def _is(kind: ColumnType, value: object) -> bool:
    if kind is ColumnType.INTEGER:
        return isinstance(value, int) and not isinstance(value, bool) and -_LARGEST <= value < _LARGEST
    if kind is ColumnType.BOOLEAN:
        return isinstance(value, bool)
    if kind is ColumnType.NUMBER:
        return isinstance(value, _Number) or (isinstance(value, int) and not isinstance(value, bool))
    return isinstance(value, str) and not isinstance(value, _Number)


def _shown(value: object) -> str:
    if isinstance(value, _Number) or (isinstance(value, int) and not isinstance(value, bool)):
        return f"the number {value}"
    if isinstance(value, str):
        return f'the text "{value[:60]}"'
    return {dict: "an object", list: "a list", bool: f"{value}".lower(), type(None): "null"}[type(value)]


def _refuse_constant(name: str) -> None:
    raise ValueError(f"holds {name}, which JSON does not know")
