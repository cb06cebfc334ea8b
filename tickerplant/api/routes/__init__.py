"""The routes: what is asked becomes a question to the parts, and what they say becomes an answer."""

from fastapi import APIRouter, Security
from fastapi.security import APIKeyHeader

from tickerplant.api.gate import GUARDED, KEY_HEADER
from tickerplant.api.parts import Parts
from tickerplant.api.routes.bars import add_bars
from tickerplant.api.routes.operations import add_operations
from tickerplant.api.routes.table import add_table
from tickerplant.api.routes.trades import add_trades


def make_router(parts: Parts) -> APIRouter:
    """Return all routes."""
    # The gate checks keys; this only tells the published contract that it does.
    key = Security(APIKeyHeader(name=KEY_HEADER, scheme_name="key", auto_error=False))
    guarded = APIRouter(prefix=GUARDED, dependencies=[key])
    for add in (add_trades, add_bars, add_table):
        add(guarded, parts)
    router = APIRouter()
    router.include_router(guarded)
    add_operations(router, parts)
    return router
