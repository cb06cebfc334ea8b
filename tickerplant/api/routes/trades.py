"""Trades, page by page, and the latest of each symbol."""

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from fastapi import APIRouter, Request
from starlette.responses import Response

from tickerplant.api import models
from tickerplant.api.answers import json_response, rows_response, snapshot_text
from tickerplant.api.cursors import Cursor, question_digest
from tickerplant.api.encoder import Format
from tickerplant.api.parameters import (
    LatestAsked,
    LatestQuery,
    TradesAsked,
    TradesQuery,
    check_names,
    check_range,
)
from tickerplant.api.parts import Parts
from tickerplant.api.published import TRADES_FORMS, errors
from tickerplant.api.reading import Reader
from tickerplant.api.store import EARLIEST, LATEST, Selection, View


def add_trades(router: APIRouter, parts: Parts) -> None:
    """Add /trades and /trades/latest."""
    reader = Reader(parts)

    @router.get("/trades", response_model=models.TradesPage, responses=TRADES_FORMS | errors(404, 410))
    def trades(request: Request, asked: TradesAsked) -> Response:
        """List trades by (event_time, symbol, trade_id), a page at a time.

        The first page pins the newest snapshot, or the one asked for: pages neither skip nor repeat a row,
        however many arrive meanwhile.
        """
        check_names(request, TradesQuery)
        check_range(asked.start, asked.end)
        chosen = frozenset(asked.symbol)
        question = question_digest("trades", sorted(chosen), asked.start, asked.end, asked.snapshot)
        cursor = reader.cursor(asked.cursor, question)
        after = None if cursor is None else cursor.position
        wanted = Selection(
            chosen or None,
            EARLIEST if asked.start is None else asked.start,
            LATEST if asked.end is None else asked.end,
        )

        def work(view: View) -> Response:
            page = parts.store.page(view, wanted, after, asked.limit)
            following = None
            if page.more and page.position is not None and view.snapshot is not None:
                following = parts.cursors.write(
                    Cursor(view.snapshot, question, page.position, view.until or view.source)
                )
            parts.metrics.served("/v1/trades", page.table.num_rows)
            rows = parts.encoder.encode(page.table, asked.format)
            return rows_response(rows, asked.format, following, snapshot_text(view))

        return reader.resume(cursor, asked.snapshot, work)

    @router.get("/trades/latest", response_model=models.LatestTrades, responses=errors(404))
    def latest(request: Request, asked: LatestAsked) -> Response:
        """Return the newest trade of each symbol: the one with the greatest id."""
        check_names(request, LatestQuery)

        def work(view: View) -> Response:
            table = parts.store.newest_trades(view)
            if asked.symbol:
                table = table.filter(pc.is_in(table.column("symbol"), pa.array(asked.symbol)))
            parts.metrics.served("/v1/trades/latest", table.num_rows)
            data = msgspec.Raw(parts.encoder.encode(table, Format.JSON))
            return json_response({"data": data, "snapshot": snapshot_text(view)})

        return reader.read(asked.snapshot, work)
