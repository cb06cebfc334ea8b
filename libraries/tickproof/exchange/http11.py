"""As much HTTP/1.1 as the venue's REST, the WebSocket handshake and the control port need."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

from tickproof.exchange.outlet import Buffer

MAX_HEAD = 64 * 1024


class BadRequestError(Exception):
    """What came is no request that can be answered otherwise than with this status."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names in lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def wants_websocket(self) -> bool:
        """Tell whether it asks for a WebSocket."""
        return self.headers.get("upgrade", "").lower() == "websocket"

    @property
    def keep_alive(self) -> bool:
        """Tell whether the connection stays open behind the answer."""
        return self.headers.get("connection", "").lower() != "close"

    def first(self, name: str) -> str | None:
        """Return the first value of a query parameter."""
        return next((value for key, value in self.query if key == name), None)


@dataclass(frozen=True, slots=True)
class Response:
    """One answer."""

    status: int = 200
    body: Buffer = b""
    content_type: str = "application/json;charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)

    def head(self, *, keep_alive: bool = True) -> bytes:
        """Return what goes on the wire before the body."""
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
            f"Connection: {'keep-alive' if keep_alive else 'close'}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n"


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer with a JSON body, written as tightly as the venue does."""
    return Response(status, json.dumps(value, separators=(",", ":")).encode(), headers=headers or {})


class RequestReader:
    """Turns received bytes into requests, one at a time."""

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self.buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes."""
        self.buffer += data

    def next(self) -> Request | None:
        """Return the next whole request, if there is one.

        Raises:
            BadRequestError: What came cannot be understood; nothing more can be read.
        """
        end = self.buffer.find(b"\r\n\r\n", 0, MAX_HEAD)
        if end < 0:
            if len(self.buffer) > MAX_HEAD:
                raise BadRequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the head is too long")
            return None
        method, target, headers = _head(bytes(self.buffer[:end]))
        size = _body_size(headers, self._max_body)
        if len(self.buffer) < end + 4 + size:
            return None
        body = bytes(memoryview(self.buffer)[end + 4 : end + 4 + size])
        del self.buffer[: end + 4 + size]
        path, query = _target(target)
        return Request(method, path, query, headers, body)


def _head(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *rest = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "the request line is no HTTP/1.1")
    headers = {}
    for line in rest:
        name, colon, value = line.partition(":")
        if not colon:
            raise BadRequestError(HTTPStatus.BAD_REQUEST, "a header has no colon")
        headers[name.strip().lower()] = value.strip()
    return words[0], words[1], headers


def _target(target: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    try:
        parts = urlsplit(target)
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError as wrong:  # an address that is none, or more fields than anybody means
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "the target is no address") from wrong
    return unquote(parts.path), query


def _body_size(headers: Mapping[str, str], most: int) -> int:
    if "transfer-encoding" in headers:
        raise BadRequestError(HTTPStatus.LENGTH_REQUIRED, "send a Content-Length")
    text = headers.get("content-length", "0")
    # As many digits as any size needs: thousands of them Python would refuse to read.
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "Content-Length is no number")
    if int(text) > most:
        raise BadRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too long")
    return int(text)
