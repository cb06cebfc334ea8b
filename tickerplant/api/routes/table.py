"""What the table holds: symbols, figures, snapshots."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from tickerplant.api import models
from tickerplant.api.answers import json_response, snapshot_row, snapshot_text, statistics_body, symbol_row
from tickerplant.api.parameters import AsOf, AsOfAsked, NoQuery, check_names
from tickerplant.api.parts import Parts
from tickerplant.api.published import errors
from tickerplant.api.reading import Reader
from tickerplant.api.store import View


def add_table(router: APIRouter, parts: Parts) -> None:
    """Add /symbols, /statistics and /snapshots."""
    reader = Reader(parts)

    @router.get("/symbols", response_model=models.Symbols, responses=errors(404))
    def symbols(request: Request, asked: AsOfAsked) -> Response:
        """List the symbols that have trades."""
        check_names(request, AsOf)

        def work(view: View) -> Response:
            data = [symbol_row(facts) for facts in parts.store.symbols(view)]
            return json_response({"data": data, "snapshot": snapshot_text(view)})

        return reader.read(asked.snapshot, work)

    @router.get("/statistics", response_model=models.Statistics, responses=errors(404))
    def statistics(request: Request, asked: AsOfAsked) -> Response:
        """Tell how large the table is, and how new."""
        check_names(request, AsOf)
        return reader.read(
            asked.snapshot,
            lambda view: json_response(statistics_body(view, len(parts.store.symbols(view)))),
        )

    @router.get("/snapshots", response_model=models.SnapshotList, responses=errors())
    def snapshots(request: Request) -> Response:
        """List the snapshots that the table keeps, newest first."""
        check_names(request, NoQuery)
        kept = reversed(parts.store.history())
        return json_response({"data": [snapshot_row(snapshot) for snapshot in kept]})
