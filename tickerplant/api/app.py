"""The app: routes under /v1, health and metrics, and what becomes of errors."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tickerplant.api.parameters import refusal
from tickerplant.api.parts import Parts
from tickerplant.api.problems import Problem, internal, not_found, table_unreachable
from tickerplant.api.published import publish
from tickerplant.api.routes import make_router
from tickerplant.lake import LakeUnavailableError
from tickerplant.service import Log

_ABOUT = """Stored trades of a market-data platform, and what follows from them.

Decimals and snapshot ids are text, times are RFC 3339. Every error is `application/problem+json`.
A key in the header `X-API-Key` has a bucket of a minute's requests that refills evenly: `RateLimit-Remaining`
is what is in it, `RateLimit-Reset` says in how many seconds it is full again, and a 429 says in `Retry-After`
when the next request will be granted. These fields are named and meant as in the IETF's
draft-ietf-httpapi-ratelimit-headers-06; later drafts put them into one field. HEAD works wherever GET does.

A URL may have 8,192 bytes, headers 16,384 in all; the head of a request has 10 s to arrive. Whatever exceeds
that is refused before it is read to its end, and the connection is closed.
"""


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Return the published contract."""
        return dict(publish(self))


def make_app(parts: Parts, log: Log) -> FastAPI:
    """Return the app, without the gate in front of it."""
    app = _App(
        title="Tickerplant API",
        version="1.0.0",
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.include_router(make_router(parts))
    _add_errors(app, log)
    return app


def _add_errors(app: FastAPI, log: Log) -> None:
    @app.exception_handler(Problem)
    def problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return error.response(request.state.request_id)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return refusal(error).response(request.state.request_id)

    @app.exception_handler(LakeUnavailableError)
    def unavailable(request: Request, error: Exception) -> Response:
        log.warning("lake unavailable", request=request.state.request_id, reason=str(error))
        return table_unreachable().response(request.state.request_id)

    @app.exception_handler(Exception)
    def failed(request: Request, _error: Exception) -> Response:
        return internal().response(request.state.request_id)  # the gate logs it

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        found = not_found()
        if error.status_code == 405:
            allow = {"Allow": "GET, HEAD"}
            found = Problem(405, "method-not-allowed", "Only GET and HEAD have a meaning here.", allow)
        elif error.status_code != 404:
            found = Problem(error.status_code, "refused", "The request cannot be answered.", error.headers)
        return found.response(request.state.request_id)
