"""The gate before all routes: sizes, keys, limits; and behind them counting, logging, and the last catch.

It is plain ASGI, so that refusing costs next to nothing and no answer leaves without passing it.
"""

import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from tickerplant.api.authenticator import Authenticator, Client
from tickerplant.api.limiter import Allowance, Limiter
from tickerplant.api.metrics import Metrics
from tickerplant.api.problems import (
    Problem,
    body_too_large,
    headers_too_large,
    internal,
    malformed,
    url_too_long,
)
from tickerplant.service import Log

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

KEY_HEADER = "X-API-Key"
GUARDED = "/v1"

URL_BYTES = 8_192
HEADER_BYTES = 16_384
BODY_BYTES = 16_384


@dataclass
class _Answer:
    """What became of one request."""

    request_id: str
    began: float
    status: int = 0
    client: Client | None = None
    allowance: Allowance | None = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


class Gate:
    """Lets requests through to the app, or answers them itself.

    Args:
        app: The routes.
        authenticator: Knows who holds which key.
        limiter: Says how often a key may ask.
        metrics: Counts answers.
        log: Gets a line an answer.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        app: App,
        *,
        authenticator: Authenticator,
        limiter: Limiter,
        metrics: Metrics,
        log: Log,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._limiter = limiter
        self._metrics = metrics
        self._log = log
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        answer = _Answer(str(uuid.uuid4()), self._clock())
        scope["state"] = {"request_id": answer.request_id}
        outgoing = self._outgoing(scope, answer, send)
        # What GET answers, HEAD answers without the body.
        inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        try:
            await self._admit(scope, receive, answer)
            await self._app(inner, receive, outgoing)
        except Problem as problem:
            await problem.response(answer.request_id)(inner, receive, outgoing)
        except Exception as error:  # noqa: BLE001 - the last catch: the caller gets a 500, the log the reason
            self._log.error(
                "failed", request=answer.request_id, reason=str(error), traceback=traceback.format_exc()
            )
            if not answer.status:
                await internal().response(answer.request_id)(inner, receive, outgoing)
        self._note(inner, scope["method"], answer)

    def turn_away(self, problem: Problem) -> bytes:
        """Note a refusal of what never became a request, and return it as bytes of HTTP."""
        answer = _Answer(str(uuid.uuid4()), self._clock(), problem.status)
        self._note({}, "other", answer)
        response = problem.response(answer.request_id)
        headers = {**dict(response.raw_headers), b"connection": b"close", **dict(_extra_headers(answer))}
        lines = [
            f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}".encode(),
            *(name + b": " + value for name, value in headers.items()),
        ]
        return b"\r\n".join([*lines, b"", bytes(response.body)])

    async def _admit(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        _check_head(scope)
        await _check_body(scope, receive)
        if scope["path"] != GUARDED and not scope["path"].startswith(GUARDED + "/"):
            return
        answer.client = client = self._identify(scope)
        answer.allowance = allowance = self._limiter.ask(client.name, client.per_minute)
        if not allowance.granted:
            wait = str(max(1, allowance.retry_after))
            raise Problem(
                429,
                "rate-limited",
                f"This key may ask {client.per_minute} times a minute; ask again in {wait} s.",
                {"Retry-After": wait},
            )

    def _identify(self, scope: Scope) -> Client:
        wanted = KEY_HEADER.lower().encode()
        presented = [value for name, value in scope["headers"] if name == wanted]
        if not presented:
            challenge = {"WWW-Authenticate": f'ApiKey realm="tickerplant", header="{KEY_HEADER}"'}
            raise Problem(401, "key-missing", f"A key is needed in the header {KEY_HEADER}.", challenge)
        client = self._authenticator.identify(presented[0]) if len(presented) == 1 else None
        if client is None:
            raise Problem(403, "key-unknown", f"The key in the header {KEY_HEADER} is not known.")
        return client

    def _outgoing(self, scope: Scope, answer: _Answer, send: Send) -> Send:
        async def outgoing(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                message["headers"] = [*message.get("headers", []), *_extra_headers(answer)]
            elif scope["method"] == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        return outgoing

    def _note(self, scope: Scope, method: str, answer: _Answer) -> None:
        route = getattr(scope.get("route"), "path", "none")
        seconds = self._clock() - answer.began
        self._metrics.answered(route, _known(method), answer.status, seconds)
        write = self._log.info if answer.client else self._log.debug
        write(
            "request",
            request=answer.request_id,
            client=answer.client.name if answer.client else None,
            method=_known(method),
            route=route,
            status=answer.status,
            ms=round(seconds * 1_000, 3),
        )


def _check_head(scope: Scope) -> None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > URL_BYTES:
        raise url_too_long(URL_BYTES)
    if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES:
        raise headers_too_large(HEADER_BYTES)


async def _check_body(scope: Scope, receive: Receive) -> None:
    """Read what was sent along, which no route wants, up to the limit."""
    headers = {
        name: value for name, value in scope["headers"] if name in {b"content-length", b"transfer-encoding"}
    }
    if not headers:
        return
    declared = headers.get(b"content-length", b"0")
    size = int(declared) if declared.isdigit() and len(declared) < 19 else BODY_BYTES + 1
    more = True
    while more and size <= BODY_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise malformed()  # nobody hears it: whoever asked is gone, or was answered before the gate
        more = message.get("more_body", False)
        size = max(size, 0)
        if b"transfer-encoding" in headers:
            size += len(message.get("body", b""))
    if size > BODY_BYTES:
        raise body_too_large(BODY_BYTES)


def _extra_headers(answer: _Answer) -> list[tuple[bytes, bytes]]:
    headers = {
        "X-Request-Id": answer.request_id,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    if answer.allowance is not None:
        headers["RateLimit-Limit"] = str(answer.allowance.limit)
        headers["RateLimit-Remaining"] = str(answer.allowance.remaining)
        headers["RateLimit-Reset"] = str(answer.allowance.reset)
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def _known(method: str) -> str:
    """Return the method, or `other`: labels must not grow by what callers make up."""
    return method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "other"
