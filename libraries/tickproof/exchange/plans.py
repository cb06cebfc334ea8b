"""Checks a plan that came over the control port, and makes it ready."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickproof.exchange import actions, symbols
from tickproof.exchange.plan import SCHEMA
from tickproof.exchange.script import Script, compile_plan
from tickproof.exchange.venue import PlanError
from tickproof.ledger import schemas


def read(body: bytes) -> Script:
    """Return a plan made ready.

    Args:
        body: an Arrow IPC stream of `plan.SCHEMA`; the schema's metadata key "actions" may hold a JSON list.

    Raises:
        PlanError: The plan makes no sense; one sentence says where.
    """
    try:
        table = pa.ipc.open_stream(body).read_all()
    except pa.ArrowInvalid:
        raise PlanError("the body is no Arrow IPC stream.") from None
    table = _checked_columns(table)
    if not table.num_rows:
        raise PlanError("the plan has no trades.")
    _check_times(table)
    _check_symbols_and_ids(table)
    _check_numbers(table)
    try:
        return compile_plan(table, actions.from_json(_actions(table)))
    except ValueError as error:
        raise PlanError(str(error)) from None


def _checked_columns(table: pa.Table) -> pa.Table:
    for field in SCHEMA:
        if field.name not in table.column_names:
            raise PlanError(f"the plan has no column {field.name}.")
        column = table[field.name]
        if column.type != field.type:
            raise PlanError(f"the plan's column {field.name} is {column.type}; it must be {field.type}.")
        if column.null_count:
            raise PlanError(f"the plan's column {field.name} has {column.null_count} nulls.")
    return table.select(SCHEMA.names)


def _check_times(table: pa.Table) -> None:
    offsets = table["send_offset_ns"].to_numpy()
    if offsets[0] < 0:
        raise PlanError(f"the plan's first row is to be sent {-offsets[0]} ns before the start.")
    back = np.flatnonzero(np.diff(offsets) < 0)
    if len(back):
        row = int(back[0]) + 1
        raise PlanError(
            f"the plan's row {row} is to be sent before row {row - 1}: a rate cannot be negative."
        )


def _check_symbols_and_ids(table: pa.Table) -> None:
    coded = table["symbol"].combine_chunks().dictionary_encode()
    for name in coded.dictionary.to_pylist():
        if name not in symbols.catalogue():
            raise PlanError(f"symbol {name} is not listed on the simulated exchange.")
    codes = coded.indices.to_numpy()
    ids = table["trade_id"].to_numpy()
    order = np.lexsort((ids, codes))
    same = codes[order][1:] == codes[order][:-1]
    wrong = np.flatnonzero(same & (np.diff(ids[order]) != 1))
    if len(wrong):
        row = int(order[wrong[0] + 1])
        name, before = table["symbol"][row], ids[order[wrong[0]]]
        raise PlanError(f"the plan's ids of {name} are not contiguous: {ids[row]} follows {before}.")


def _check_numbers(table: pa.Table) -> None:
    for name in ("price_text", "quantity_text"):
        try:
            pc.cast(table[name], schemas.DECIMAL)
        except pa.ArrowInvalid as error:
            raise PlanError(f"the plan's column {name} holds what no decimal(38,18) can: {error}.") from None


def _actions(table: pa.Table) -> list[dict[str, object]]:
    text = (table.schema.metadata or {}).get(b"actions", b"[]")
    try:
        values = json.loads(text)
    except json.JSONDecodeError:
        values = None
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise PlanError("the plan's actions are no JSON list of objects.")
    return values
