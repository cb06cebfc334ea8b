"""Small ledgers written by hand."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
from tickproof.ledger import SEEN, SENT, as_table

NOON = 1_767_355_200_000_000_000  # 2026-01-02T12:00:00Z


def trade(trade_id: int | None, symbol: str | None = "ETHBTC", **changes: Any) -> dict[str, Any]:
    row = {
        "symbol": symbol,
        "trade_id": trade_id,
        "price": Decimal("0.03125000"),
        "quantity": Decimal("1.5"),
        "event_time": NOON + (trade_id or 0) * 1_000_000,
        "side": "buy",
    }
    return row | changes


def sent(*rows: dict[str, Any]) -> pa.Table:
    more = {"expect": "stored", "kind": "trade", "copies": 1}
    return table(SENT, [{**more, **row} for row in rows])


def seen(*rows: dict[str, Any], lane: int = 3) -> pa.Table:
    return table(
        SEEN, [{"source": "live", "lane": lane, "offset": place, **row} for place, row in enumerate(rows)]
    )


def table(schema: pa.Schema, rows: list[dict[str, Any]]) -> pa.Table:
    columns = {}
    for field in schema:
        kind = pa.int64() if pa.types.is_timestamp(field.type) else field.type
        columns[field.name] = pa.array([row.get(field.name) for row in rows], kind)
    return as_table(schema, columns)
