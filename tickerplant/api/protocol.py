"""What is done before a request exists: heads and bodies are bounded in size and in time.

The server below keeps a head in memory until it ends, however long that takes. Here the bytes of a head are
counted as they come, and one that is too long or too slow is answered and its connection closed. What is
answered here never reaches the gate, but it looks the same: problem+json with a request id.
"""

import asyncio
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tickerplant.api.gate import BODY_BYTES, HEADER_BYTES, URL_BYTES
from tickerplant.api.problems import (
    Problem,
    body_too_large,
    headers_too_large,
    malformed,
    too_slow,
    url_too_long,
)

# The gate measures heads that are whole. This is where a head that goes on and on is cut: room for both its
# limits, and for the names, colons and line ends that they do not count.
HEAD_BYTES = URL_BYTES + HEADER_BYTES + 8_192
# A body on the wire has chunk sizes and trailers beside what the gate counts.
_SENT_BODY_BYTES = 2 * BODY_BYTES

# After an answer that ends the connection, what is still on its way is thrown away for so long: closing at once
# would reset the connection, and the answer would be lost with it.
_LINGER_SECONDS = 1.0


class BoundedProtocol(HttpToolsProtocol):
    """One connection.

    A subclass says what becomes of requests that are refused here.
    """

    request_seconds: ClassVar[float]
    """Seconds that a head may take, and as many for a body."""

    @staticmethod
    def turn_away(problem: Problem) -> bytes:
        """Note a refusal, and return it as bytes of HTTP."""
        raise NotImplementedError

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - whatever the server gives
        super().__init__(*arguments, **named)
        self.url = b""
        self._in_body = False
        self._turned = False  # whether a head or a body ended in the data at hand
        self._unfinished = 0  # bytes of the head or the body that has not ended yet
        self._deadline: asyncio.TimerHandle | None = None
        self._turned_away = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the server has it
        """Begin; a connection on which nothing is ever asked is closed as one that fell silent."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._unset_keepalive_if_required()
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, as long as the head or the body that it belongs to is within its bounds."""
        if self._turned_away or self.parser is None:
            return
        self._unset_keepalive_if_required()
        self._turned = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # nothing here can be upgraded to: the request is answered as if it had not asked
        except httptools.HttpParserError:
            self._refuse(malformed())
            return
        self._bound(len(data))

    def on_headers_complete(self) -> None:
        """Note that a head ended."""
        super().on_headers_complete()
        self._turned = self._in_body = True

    def on_message_complete(self) -> None:
        """Note that a request ended."""
        super().on_message_complete()
        self._turned = True
        self._in_body = False
        self.url = b""

    def _bound(self, count: int) -> None:
        if self._turned:
            # At most one read of the socket belongs to what began here, and that is in memory anyway.
            self._unfinished = 0
            self._stop_waiting()
        else:
            self._unfinished += count
        if self._turned and not self._in_body:
            return
        if self._in_body and self._unfinished > _SENT_BODY_BYTES:
            self._refuse(body_too_large(BODY_BYTES))
        elif not self._in_body and self._unfinished > HEAD_BYTES:
            long_url = len(self.url) > URL_BYTES
            self._refuse(url_too_long(URL_BYTES) if long_url else headers_too_large(HEADER_BYTES))
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.request_seconds, self._too_late)

    def _too_late(self) -> None:
        self._deadline = None
        self._refuse(too_slow(self.request_seconds))

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, problem: Problem) -> None:
        """Answer with a problem, behind the answers that are due, and take nothing more."""
        self._turned_away = True
        self._stop_waiting()
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering and not self._in_body:
            # Requests before this one are being answered; the last of those answers closes the connection.
            self.cycle.keep_alive = False
            return
        if answering:
            begun = self.cycle.response_started
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if begun or self.pipeline:
                self.transport.close()
                return
        if self.transport.is_closing():
            return
        self.transport.write(self.turn_away(problem))
        self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)
