"""One connection of a client: requests over HTTP, or a WebSocket once it asked for one."""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from tickproof.clock import now_ns
from tickproof.exchange import frames
from tickproof.exchange.events import EventLog
from tickproof.exchange.http11 import BadRequestError, Request, RequestReader, Response, json_response
from tickproof.exchange.limits import LIFE_NS, SHUTDOWN_NOTICE_S, MessageRate
from tickproof.exchange.outlet import Outlet, Tls
from tickproof.exchange.streams import Answer, RefusedError, Session, error
from tickproof.exchange.websocket import (
    Code,
    Message,
    Opcode,
    Reader,
    WebSocketError,
    accept_key,
    close_code,
    close_payload,
    encode,
)

CLOSING_S = 2.0
"""How long a client may take to close its end."""

SEND_BUFFER = 256 * 1024
"""Small, so that what a subscriber does not read stays visible here and does not hide in the system."""

SMALL = 64 * 1024
_READ = 64 * 1024


class Hub(Protocol):
    """What a connection needs of the server."""

    events: EventLog

    def answer(self, request: Request) -> Response | Awaitable[Response]:
        """Answer a request that asks for no WebSocket."""

    def welcome(self, connection: "Connection", request: Request) -> Session | Response:
        """Decide about a request for a WebSocket."""

    def farewell(self, connection: "Connection") -> None:
        """Learn that a connection is gone."""


class Connection:
    """A client's connection.

    Lives in the server's loop; what ends a connection may be called from any thread.

    Attributes:
        number: counts connections from 1 on.
        outlet: the way out.
        session: what its WebSocket is subscribed to.
        is_websocket: whether it has become one.
        opened_ns: since when.
        opened_venue_ns: the same, on the venue's clock.
    """

    def __init__(
        self,
        number: int,
        sock: socket.socket,
        hub: Hub,
        loop: asyncio.AbstractEventLoop,
        *,
        tls: ssl.SSLContext | None,
        max_body: int,
    ) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self.number = number
        self.session = Session(combined=False)
        self.is_websocket = False
        self.path = ""
        self.opened_ns = now_ns()
        self.opened_venue_ns = 0
        self._sock = sock
        self._hub = hub
        self._loop = loop
        self._requests = RequestReader(max_body)
        self._busy: asyncio.Task[None] | None = None
        self._reader = Reader()
        self._rate = MessageRate()
        self._pings: deque[bytes] = deque(maxlen=64)
        self._unanswered_since: int | None = None
        self._pinged_ns = 0
        self._is_closed = False
        self._why: str | None = None
        self._code: int | None = None
        self.outlet = Outlet(
            sock,
            tls=Tls(tls) if tls is not None else None,
            on_wait=lambda: self._soon(self._watch_writable),
            on_end=lambda why: self._soon(self._end, why),
        )

    def begin(self) -> None:
        """Read what the client sends."""
        self._loop.add_reader(self._sock, self._readable)

    # Ends, on purpose.

    def cut(self, why: str) -> None:
        """End the connection with no close frame."""
        self.outlet.cut()
        self._soon(self._end, why)

    def close(self, code: Code, reason: str, why: str) -> None:
        """Send a close frame and wait a moment for the client's."""
        self._why = self._why or why
        self._code = code
        self.outlet.send(encode(Opcode.CLOSE, close_payload(code, reason)), last=True)
        self._later(CLOSING_S, self._end, why)

    def expire(self) -> None:
        """Close the connection as the venue does after 24 hours."""
        self.close(Code.GOING_AWAY, "", "24 hours have passed")

    def announce_shutdown(self) -> None:
        """Announce the venue's shutdown, and close the connection a moment later."""
        payload = frames.shutdown_frame(now_ns(), combined=self.session.combined, unit=self.session.unit)
        self.outlet.send(encode(Opcode.TEXT, payload))
        self._later(SHUTDOWN_NOTICE_S, self.shut_down)

    def shut_down(self) -> None:
        """Close the connection because the venue shuts down."""
        self.close(Code.GOING_AWAY, "", "the venue shuts down")

    def mute_until_closed(self, why: str) -> None:
        """Send nothing more; cut the connection if the client does not close it soon."""
        self._why = self._why or why
        self._later(CLOSING_S, self._end, why)

    # Time passes.

    def tick(self, at_ns: int, venue_ns: int, *, ping_every_ns: int, pong_within_ns: int) -> None:
        """Do what is due: pings, and the ends of connections that are too old or do not answer."""
        if not self.is_websocket or not self.outlet.is_open:
            return
        if venue_ns - self.opened_venue_ns >= LIFE_NS:
            self.expire()
        elif self._unanswered_since is not None and at_ns - self._unanswered_since > pong_within_ns:
            self._hub.events.add("pong-missed", connection=self.number)
            self.close(Code.POLICY_VIOLATION, "Pong timeout", "no pong came")
        elif at_ns - self._pinged_ns >= ping_every_ns:
            payload = str(at_ns // 1_000_000).encode()
            self._pinged_ns = at_ns
            self._pings.append(payload)
            if self._unanswered_since is None:
                self._unanswered_since = at_ns
            self.outlet.send(encode(Opcode.PING, payload))

    # What comes in.

    def _readable(self) -> None:
        try:
            data = self._sock.recv(_READ)
        except BlockingIOError:
            return
        except OSError as gone:
            self._end(f"the client is gone ({gone.strerror})")
            return
        if not data:
            self._end("the client closed the connection")
            return
        try:
            self._take(self.outlet.receive(data))
        except ssl.SSLError as wrong:
            self._end(f"no TLS ({wrong.reason})")

    def _take(self, data: bytes) -> None:
        if self.is_websocket:
            self._take_messages(data)
        else:
            self._requests.feed(data)
            self._serve()

    def _serve(self) -> None:
        """Answer the requests that are there, one after the other."""
        while self._busy is None and not self._is_closed:
            try:
                request = self._requests.next()
            except BadRequestError as bad:
                self._reply(json_response({"code": -1000, "msg": f"{bad}."}, bad.status), keep_alive=False)
                return
            if request is None:
                return
            if request.wants_websocket:
                self._upgrade(request)
                return
            answer = self._hub.answer(request)
            if isinstance(answer, Response):
                self._reply(answer, keep_alive=request.keep_alive)
            else:
                self._busy = self._loop.create_task(self._reply_later(answer, keep_alive=request.keep_alive))

    async def _reply_later(self, answer: Awaitable[Response], *, keep_alive: bool) -> None:
        response = await answer
        self._busy = None
        self._reply(response, keep_alive=keep_alive)
        self._serve()

    def _reply(self, response: Response, *, keep_alive: bool) -> None:
        head, body = response.head(keep_alive=keep_alive), memoryview(response.body)
        if len(body) < SMALL:
            self.outlet.send(head + body, last=not keep_alive)
        else:
            self.outlet.send(head)
            self.outlet.send(body, last=not keep_alive)
        if not keep_alive:
            self._finish()

    def _finish(self) -> None:
        """End the connection once all is sent."""
        if self.outlet.waiting:
            self._later(0.05, self._finish)
        else:
            self._end("answered")

    def _upgrade(self, request: Request) -> None:
        key = request.headers.get("sec-websocket-key")
        if request.method != "GET" or key is None or request.headers.get("sec-websocket-version") != "13":
            self._reply(
                json_response({"code": -1000, "msg": "No WebSocket handshake."}, 400), keep_alive=False
            )
            return
        decided = self._hub.welcome(self, request)
        if isinstance(decided, Response):
            self._reply(decided, keep_alive=False)
            return
        self.path = request.path
        self._pinged_ns = now_ns()
        head = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n"
        )
        self.outlet.send(head.encode())
        self.outlet.subscribe()
        self.session = decided
        self.is_websocket = True
        rest = bytes(self._requests.buffer)
        self._hub.events.add("connect", connection=self.number, path=self.path)
        self._subscribe_from(request)
        self._take_messages(rest)

    def _subscribe_from(self, request: Request) -> None:
        names = names_in(request)
        if not names:
            return
        try:
            added = self.session.subscribe(names)
        except RefusedError as refused:
            self._tell(Answer(error(refused), ends=True))
            return
        self._hub.events.add("subscribe", connection=self.number, streams=list(added))

    def _take_messages(self, data: bytes) -> None:
        try:
            for message in self._reader.feed(data):
                self._take_message(message)
        except WebSocketError as wrong:
            self._hub.events.add("protocol-error", connection=self.number, reason=wrong.reason)
            self.close(wrong.code, wrong.reason, "the client broke the protocol")

    def _take_message(self, message: Message) -> None:
        if message.opcode is Opcode.CLOSE:
            self._why = self._why or "the client said goodbye"
            self._code = self._code or close_code(message.payload)
            self.outlet.send(encode(Opcode.CLOSE, message.payload), last=True)
            self._finish()
            return
        if not self.outlet.is_open:
            return
        if self._rate.exceeded(now_ns()):
            self._hub.events.add("too-many-messages", connection=self.number)
            self.close(Code.POLICY_VIOLATION, "Too many requests", "too many messages a second")
        elif message.opcode is Opcode.PING:
            self.outlet.send(encode(Opcode.PONG, message.payload))
        elif message.opcode is Opcode.PONG:
            if message.payload in self._pings:
                self._pings.clear()
                self._unanswered_since = None
        else:
            self._tell(self.session.answer(message.payload.decode("utf-8", "replace")))

    def _tell(self, answer: Answer) -> None:
        if answer.added:
            self._hub.events.add("subscribe", connection=self.number, streams=list(answer.added))
        if answer.removed:
            self._hub.events.add("unsubscribe", connection=self.number, streams=list(answer.removed))
        self.outlet.send(encode(Opcode.TEXT, answer.text.encode()))
        if answer.ends:
            self.close(Code.POLICY_VIOLATION, "Invalid request", "a request that the venue does not forgive")

    # The loop's side of sending, and the end.

    def _watch_writable(self) -> None:
        if not self._is_closed:
            self._loop.add_writer(self._sock, self._writable)

    def _writable(self) -> None:
        if self.outlet.drain() and not self._is_closed:
            self._loop.remove_writer(self._sock)

    def _end(self, why: str) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self.outlet.cut()
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        self._sock.close()
        if self._busy is not None:
            self._busy.cancel()
        if self.is_websocket:
            self._hub.events.add(
                "disconnect",
                connection=self.number,
                reason=self._why or why,
                how=why if self._why not in (None, why) else None,
                code=self._code,
                unread_bytes=self.outlet.lost or None,
            )
        self._hub.farewell(self)

    def _soon(self, call: Callable[..., None], *values: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *values)
        except RuntimeError:
            return  # the loop is closed: the process ends

    def _later(self, seconds: float, call: Callable[..., None], *values: object) -> None:
        def begin_to_wait() -> None:
            self._loop.call_later(seconds, lambda: None if self._is_closed else call(*values))

        self._soon(begin_to_wait)


def names_in(request: Request) -> list[str]:
    """Return the streams in an address: `/ws/<a>/<b>` or `/stream?streams=<a>/<b>`."""
    text = request.path.removeprefix("/ws").strip("/")
    if request.path.startswith("/stream"):
        text = request.first("streams") or ""
    return [name for name in text.split("/") if name]
