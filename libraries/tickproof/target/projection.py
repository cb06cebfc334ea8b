"""A mapping: one SQL projection that makes canonical trades of a hop's own rows, run by DuckDB over Arrow.

The SQL sees one relation, ``rows``, and nothing else: no files, no network, no other variables.
Times in ``rows`` are in UTC and have no zone.
"""

import json
from functools import cached_property

import duckdb
import pyarrow as pa

from tickproof.target.refusal import TargetError, did_you_mean

_TEXT = "text (VARCHAR)"
_WHOLE = "a whole number (INTEGER or BIGINT)"
_EXACT = "text (VARCHAR) or DECIMAL"
_MOMENT = "a time (TIMESTAMP, TIMESTAMP_NS or TIMESTAMPTZ; without zone it is UTC)"

_PLAIN = "must be one plain SELECT ... FROM rows."
_EACH = "it must make one row of each, in the same order."
_ONLY_ROWS = "must select from `rows` and from nothing else."

REQUIRED = {
    "symbol": _TEXT,
    "trade_id": _WHOLE,
    "price": _EXACT,
    "quantity": _EXACT,
    "event_time": _MOMENT,
    "side": _TEXT,
}
OPTIONAL = {"source": _TEXT, "hop_time": _MOMENT}
_ALLOWED = REQUIRED | OPTIONAL

# Parts of a statement by the names of DuckDB's parser; each would change the number or order of rows.
_FORBIDDEN = {
    "modifiers": "ORDER BY, LIMIT or DISTINCT",
    "where_clause": "WHERE",
    "group_expressions": "GROUP BY",
    "having": "HAVING",
    "qualify": "QUALIFY",
    "sample": "SAMPLE",
}


class CannotMapError(ValueError):
    """The SQL is lawful, but a value of some row makes it fail."""


class Projection:
    """A hop's mapping, checked.

    Args:
        sql: ``SELECT ... FROM rows``, with the columns of a canonical trade.
        told: How messages call the mapping: file and key.
    """

    def __init__(self, sql: str, told: str) -> None:
        self._sql = sql
        self._told = told

    def check(self, columns: pa.Schema) -> None:
        """Try the mapping on no rows.

        Args:
            columns: The hop's own columns.

        Raises:
            TargetError: The SQL is wrong, or gives wrong columns or types; one sentence.
        """
        self.run(columns.empty_table())

    def run(self, rows: pa.Table) -> pa.Table:
        """Map rows; the result has as many, in the same order.

        Args:
            rows: The hop's own rows.

        Returns:
            The columns of a canonical trade, with the types that the SQL gave them.

        Raises:
            TargetError: The SQL is wrong, or gives wrong columns or types; one sentence.
            CannotMapError: The SQL fails on the value of some row.
        """
        connection = self._connection
        connection.register("rows", _without_zones(rows))
        try:
            mapped: pa.Table = connection.sql(self._sql).to_arrow_table()
        except (duckdb.ConversionException, duckdb.OutOfRangeException) as error:
            raise CannotMapError(_first_line(error)) from None
        except duckdb.Error as error:
            raise TargetError(f"{self._told} fails: {_first_line(error)}.") from None
        finally:
            connection.unregister("rows")
        self._check_columns(mapped.schema, rows.schema)
        if mapped.num_rows != rows.num_rows:
            raise TargetError(
                f"{self._told} makes {mapped.num_rows:,} rows of {rows.num_rows:,}; it must make one of each."
            )
        return mapped

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(
            config={"enable_external_access": False, "threads": 1, "python_enable_replacements": False}
        )
        connection.sql("SET TimeZone = 'UTC'")
        connection.sql("SET lock_configuration = true")
        self._check_shape(connection)
        return connection

    def _check_shape(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Refuse whatever is not one plain SELECT from ``rows``."""
        (text,) = connection.execute("SELECT json_serialize_sql($1)", [self._sql]).fetchall()[0]
        parsed = json.loads(text)
        if parsed["error"] and parsed["error_type"] == "not implemented":
            raise TargetError(f"{self._told} {_PLAIN}")
        if parsed["error"]:
            raise TargetError(f"{self._told} is not valid SQL: {parsed['error_message']}.")
        nodes = [statement["node"] for statement in parsed["statements"]]
        if len(nodes) != 1 or nodes[0]["type"] != "SELECT_NODE" or nodes[0]["cte_map"]["map"]:
            raise TargetError(f"{self._told} {_PLAIN}")
        source = nodes[0]["from_table"]
        if source["type"] != "BASE_TABLE" or source["table_name"] != "rows" or source["sample"]:
            raise TargetError(f"{self._told} {_ONLY_ROWS}")
        if nodes[0]["aggregate_handling"] != "STANDARD_HANDLING":
            raise TargetError(f"{self._told} has GROUP BY ALL; {_EACH}")
        for part, words in _FORBIDDEN.items():
            if nodes[0].get(part):
                raise TargetError(f"{self._told} has {words}; {_EACH}")

    def _check_columns(self, schema: pa.Schema, source: pa.Schema) -> None:
        for field in schema:
            if field.name not in _ALLOWED:
                raise TargetError(
                    f"{self._told} gives the column `{field.name}`; allowed: {', '.join(_ALLOWED)}."
                    + did_you_mean(field.name, _ALLOWED)
                )
            if not _fits(field.type, _ALLOWED[field.name]):
                raise TargetError(
                    f"{self._told} gives `{field.name}` as {_sql_name(field.type)};"
                    f" it must be {_ALLOWED[field.name]}."
                )
            if pa.types.is_decimal(field.type) and field.type not in source.types:
                raise TargetError(
                    f"{self._told} casts `{field.name}` to {_sql_name(field.type)}, which rounds in silence;"
                    " leave it as it is."
                )
        missing = [name for name in REQUIRED if name not in schema.names]
        if missing:
            raise TargetError(f"{self._told} does not give {', '.join(f'`{name}`' for name in missing)}.")
        if len(set(schema.names)) != len(schema.names):
            twice = next(name for name in schema.names if schema.names.count(name) > 1)
            raise TargetError(f"{self._told} gives `{twice}` more than once.")


def _without_zones(rows: pa.Table) -> pa.Table:
    """Make UTC times plain: DuckDB's type for times with a zone would cut them to microseconds."""
    for n, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type) and field.type.tz is not None:
            plain = rows[field.name].cast(pa.timestamp(field.type.unit))
            rows = rows.set_column(n, field.name, plain)
    return rows


def _fits(kind: pa.DataType, rule: str) -> bool:
    if rule == _TEXT:
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
    if rule == _WHOLE:
        return bool(pa.types.is_integer(kind))
    if rule == _MOMENT:
        return bool(pa.types.is_timestamp(kind))
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_decimal(kind))


def _sql_name(kind: pa.DataType) -> str:
    names = {pa.float32(): "FLOAT", pa.float64(): "DOUBLE", pa.int32(): "INTEGER", pa.int64(): "BIGINT"}
    names |= {pa.string(): "VARCHAR", pa.bool_(): "BOOLEAN", pa.date32(): "DATE"}
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    return names.get(kind, str(kind).upper())


def _first_line(error: Exception) -> str:
    line = str(error).strip().splitlines()[0]
    return line.partition(" Error: ")[2].rstrip(" .!") or line
