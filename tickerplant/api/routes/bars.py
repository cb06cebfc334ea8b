"""Bars and daily summaries."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from tickerplant.api import models
from tickerplant.api.answers import bar_row, json_response, snapshot_text, summary_body
from tickerplant.api.bars import Bar
from tickerplant.api.cursors import Cursor, question_digest
from tickerplant.api.parameters import (
    AsOf,
    AsOfAsked,
    BarsAsked,
    BarsQuery,
    DayInPath,
    SymbolInPath,
    check_names,
    check_range,
)
from tickerplant.api.parts import Parts
from tickerplant.api.problems import not_found
from tickerplant.api.published import errors
from tickerplant.api.reading import Reader
from tickerplant.api.store import EARLIEST, LATEST, Position, View
from tickerplant.api.times import US_PER_DAY, date_text


def add_bars(router: APIRouter, parts: Parts) -> None:
    """Add /bars and /summary."""
    reader = Reader(parts)

    @router.get("/bars", response_model=models.BarsPage, responses=errors(404, 410))
    def bars(request: Request, asked: BarsAsked) -> Response:
        """List bars of one symbol, computed from its trades with exact decimals.

        Bars begin at whole multiples of the interval since 1970 in UTC. `start` and `end` choose bars by when
        they begin, so each bar is whole, but for the one that is still being traded.
        """
        check_names(request, BarsQuery)
        check_range(asked.start, asked.end)
        width = asked.interval.us
        question = question_digest("bars", asked.symbol, width, asked.start, asked.end, asked.snapshot)
        cursor = reader.cursor(asked.cursor, question)
        start = EARLIEST if asked.start is None else _next_multiple(asked.start, width)
        end = LATEST if asked.end is None else _next_multiple(asked.end, width)
        if cursor is not None:
            start = cursor.position.event_time

        def work(view: View) -> Response:
            made: list[Bar] = []
            spans = parts.store.walk_symbol(view, asked.symbol, start, end, step=width, steps=asked.limit + 1)
            for trades in spans:
                made += parts.bars.make(trades, width)
                if len(made) > asked.limit:
                    break
            following = None
            if len(made) > asked.limit and view.snapshot is not None:
                position = Position(made[asked.limit].start, asked.symbol, 0)
                following = parts.cursors.write(
                    Cursor(view.snapshot, question, position, view.until or view.source)
                )
            page = made[: asked.limit]
            parts.metrics.served("/v1/bars", len(page))
            return json_response(
                {
                    "symbol": asked.symbol,
                    "interval": asked.interval.value,
                    "data": [bar_row(bar) for bar in page],
                    "next_cursor": following,
                    "snapshot": snapshot_text(view),
                }
            )

        return reader.resume(cursor, asked.snapshot, work)

    @router.get("/summary/{symbol}/{date}", response_model=models.Summary, responses=errors(404))
    def summary(request: Request, symbol: SymbolInPath, date: DayInPath, asked: AsOfAsked) -> Response:
        """Summarise a symbol's day in UTC."""
        check_names(request, AsOf)

        def work(view: View) -> Response:
            bar = parts.bars.day(parts.store.of_symbol(view, symbol, date, date + US_PER_DAY))
            if bar is None:
                raise not_found("There is no trade of that symbol on that day.")
            body = summary_body(symbol, date_text(date // US_PER_DAY), bar)
            return json_response({**body, "snapshot": snapshot_text(view)})

        return reader.read(asked.snapshot, work)


def _next_multiple(time: int, width: int) -> int:
    return -(-time // width) * width
