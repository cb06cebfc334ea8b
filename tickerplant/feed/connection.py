"""One WebSocket to the venue, and the task that keeps a set of streams connected for good."""

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Protocol

import msgspec
from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

from tickerplant.feed.counts import Counts
from tickerplant.feed.parser import Notice, stream_name
from tickerplant.service import Log

LARGEST_FRAME = 1_048_576
HANDSHAKE_WITHIN = 5.0
IN_URL = 300
BATCH = 300
SECONDS_PER_MESSAGE = 0.25  # the venue takes five messages a second, pongs included
SUBSCRIBED_WITHIN = 5.0
HAND_OVER_WITHIN = 2.0
STEADY_AFTER = 5.0  # a connection that lasted so long has held, though nothing was traded meanwhile

# How answers to requests begin; they concern their own connection alone, so they never have to wait.
_ANSWERS = (b'{"result"', b'{"id"', b'{"error"')

# What picows would log, the end of a connection tells as its reason.
_SILENT = logging.getLogger("tickerplant.feed.picows")
_SILENT.setLevel(logging.CRITICAL + 1)

Take = Callable[[bytes, bool, int, int, bool], Notice | None]
"""Takes a frame's payload, whether it is binary, the numbers of connection and frame, and whether another connection
may have brought the same frame already."""


class Waits(Protocol):
    """Says how long to wait before the next attempt."""

    def next(self) -> float:
        """Return the seconds to wait after another failure."""

    def reset(self) -> None:
        """Forget the failures."""


class Connection(WSListener):
    """Passes frames on in their order; while `held`, it keeps them back instead.

    Args:
        number: The connection's number in this process, for the position of what it received.
        take: Takes each frame.
        on_over: Called once when the connection has ended.
        held: Whether frames are kept back until `release`.
    """

    def __init__(
        self, number: int, take: Take, on_over: Callable[["Connection"], None], *, held: bool
    ) -> None:
        self.number = number
        self._take = take
        self._on_over = on_over
        self._frames = 0
        self._held: list[tuple[bytes, bool, int]] | None = [] if held else None
        self._parts: list[bytes] = []
        self._parts_binary = False
        self._transport: WSTransport | None = None
        self.over = asyncio.Event()
        self.shutdown_noticed = asyncio.Event()
        self.subscribed = asyncio.Event()
        self.ended_by = ""
        self._brought_data = False
        self._since = time.monotonic()

    @property
    def held_well(self) -> bool:
        """Whether it was good for something, so that the next attempt need not wait."""
        return self._brought_data or time.monotonic() - self._since >= STEADY_AFTER

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take one frame; runs once a frame, so the usual case comes first."""
        kind = frame.msg_type
        if kind == WSMsgType.TEXT and frame.fin and not (frame.rsv1 or frame.rsv2 or frame.rsv3):
            self._pass(frame.get_payload_as_bytes(), binary=False)
        elif kind == WSMsgType.CLOSE:
            self._end(
                f"closed by the venue: {frame.get_close_code()} {frame.get_close_reason() or ''}".rstrip()
            )
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._end("protocol error: reserved bits")
            transport.send_close(WSCloseCode.PROTOCOL_ERROR)
            transport.disconnect()
        elif kind in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            self._assemble(frame, kind)

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 - picows calls it so
        """Note it; `until_over` tells those who wait."""
        self._end("connection broken")

    def send(self, message: dict[str, object]) -> None:
        """Send a request to the venue."""
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, msgspec.json.encode(message))

    def pause(self, paused: bool) -> None:  # noqa: FBT001 - it is what it is called with
        """Stop reading from the socket, or go on: the venue feels the pressure."""
        if self._transport is None or self.over.is_set():
            return
        if paused:
            self._transport.underlying_transport.pause_reading()
        else:
            self._transport.underlying_transport.resume_reading()

    def release(self) -> None:
        """Pass on what was kept back, and from now on everything at once."""
        held, self._held = self._held or [], None
        for payload, binary, number in held:
            self._hand(payload, binary, number, again=True)

    async def until_over(self) -> None:
        """Wait for the end and note what picows itself found wrong, such as a broken protocol."""
        assert self._transport is not None
        try:
            await self._transport.wait_disconnected()
        except WSError as error:
            self.ended_by = f"protocol error: {error.args[-1]}"
        except Exception as error:  # noqa: BLE001 - whatever ended the connection, the reason has to be told
            self.ended_by = f"{type(error).__name__}: {error}"
        finally:
            self.over.set()
            self._on_over(self)

    async def close(self) -> None:
        """Say goodbye and take what is still under way, for a moment."""
        if self._transport is None:
            return
        self._end("closed by us")
        self._transport.send_close(WSCloseCode.OK)
        try:
            await asyncio.wait_for(self.over.wait(), HAND_OVER_WITHIN)
        except TimeoutError:
            self._transport.disconnect(graceful=False)
            await self.over.wait()

    def _assemble(self, frame: WSFrame, kind: WSMsgType) -> None:
        if kind != WSMsgType.CONTINUATION:
            self._parts, self._parts_binary = [], kind == WSMsgType.BINARY
        self._parts.append(frame.get_payload_as_bytes())
        if frame.fin:
            whole, self._parts = b"".join(self._parts), []
            self._pass(whole, binary=self._parts_binary)

    def _pass(self, payload: bytes, *, binary: bool) -> None:
        self._frames += 1
        if self._held is None or payload.startswith(_ANSWERS):
            self._hand(payload, binary, self._frames, again=False)
        else:
            self._held.append((payload, binary, self._frames))

    def _hand(self, payload: bytes, binary: bool, number: int, *, again: bool) -> None:  # noqa: FBT001 - as Take
        notice = self._take(payload, binary, self.number, number, again)
        if notice is None:
            self._brought_data = True
        elif notice is Notice.SHUTDOWN:
            self.shutdown_noticed.set()
        elif notice is Notice.SUBSCRIBED:
            self.subscribed.set()
        elif notice is Notice.SUBSCRIPTION_REFUSED:
            self._end(f"subscription refused: {payload[:200].decode(errors='replace')}")
            if self._transport is not None:
                self._transport.disconnect()

    def _end(self, reason: str) -> None:
        self.ended_by = self.ended_by or reason


class Line:
    """Keeps one set of streams connected until told to stop.

    Args:
        url: The venue's WebSocket address.
        symbols: The symbols whose trades are wanted.
        take: Takes each frame.
        on_connected: Told after each new connection, as something may have been missed before it.
        next_number: Gives connections their numbers.
    """

    def __init__(
        self,
        url: str,
        symbols: Sequence[str],
        *,
        take: Take,
        on_connected: Callable[[Sequence[str]], Awaitable[None]],
        next_number: Callable[[], int],
        waits: Waits,
        tls: ssl.SSLContext | None,
        microseconds: bool,
        silence: float,
        rotate_after: float,
        counts: Counts,
        log: Log,
    ) -> None:
        self.symbols = tuple(symbols)
        self._streams = [stream_name(symbol) for symbol in symbols]
        unit = "&timeUnit=MICROSECOND" if microseconds else ""
        self._url = f"{url}/stream?streams={'/'.join(self._streams[:IN_URL])}{unit}"
        self._take = take
        self._on_connected = on_connected
        self._next_number = next_number
        self._waits = waits
        self._tls = tls
        self._silence = silence
        self._rotate_after = rotate_after
        self._counts = counts
        self._log = log
        self._open: dict[Connection, asyncio.Task[None]] = {}
        self._paused = False
        self.trouble: str | None = "not connected yet"

    def pause(self, paused: bool) -> None:  # noqa: FBT001 - it is what it is called with
        """Stop reading, or go on; holds for connections yet to come as well."""
        self._paused = paused
        for connection in tuple(self._open):
            connection.pause(paused)

    async def run(self) -> None:
        """Connect, and again whenever the connection ends; ends only when cancelled."""
        try:
            while True:
                last = await self._until_lost(await self._connected())
                self._counts.reconnects += 1
                if last.held_well:
                    self._waits.reset()
                else:
                    # A venue that lets in and sends away at once is not to be run down.
                    await asyncio.sleep(self._waits.next())
        finally:
            await asyncio.gather(*(connection.close() for connection in tuple(self._open)))

    async def _until_lost(self, connection: Connection) -> Connection:
        """Return the connection that was lost; replace it in time where the venue or its age asks for it."""
        while True:
            # Even one that was replaced in time may have died before its successor was there.
            missed = asyncio.create_task(self._told())
            try:
                due = await self._lost_or_due(connection)
                if not due:
                    self.trouble = connection.ended_by
                    self._log.warning(
                        "connection_lost", connection=connection.number, reason=connection.ended_by
                    )
                    return connection
                connection = await self._handed_over(connection, due)
            finally:
                missed.cancel()

    async def _told(self) -> None:
        await self._on_connected(self.symbols)

    async def _lost_or_due(self, connection: Connection) -> str:
        """Wait; return why the connection should be replaced, or nothing when it is over."""
        over = asyncio.create_task(connection.over.wait())
        notice = asyncio.create_task(connection.shutdown_noticed.wait())
        try:
            await asyncio.wait(
                (over, notice), timeout=self._rotate_after, return_when=asyncio.FIRST_COMPLETED
            )
            if over.done():
                return ""
            return "the venue will shut down" if notice.done() else "it is old"
        finally:
            over.cancel()
            notice.cancel()

    async def _handed_over(self, old: Connection, why: str) -> Connection:
        """Replace a connection without a gap: the new one's frames wait until the old one has said its last."""
        self._log.info("connection_replaced", connection=old.number, reason=why)
        old.shutdown_noticed.clear()
        try:
            new = await self._opened(held=True)
        except (OSError, WSError, TimeoutError) as error:
            self._log.warning("connect_failed", reason=_told_by(error))
            # Nothing is lost yet. When the old connection ends, the usual way back begins.
            await old.over.wait()
            return old
        await old.close()
        new.release()
        return new

    async def _connected(self) -> Connection:
        while True:
            try:
                connection = await self._opened(held=False)
            except (OSError, WSError, TimeoutError) as error:
                wait = self._waits.next()
                self.trouble = f"connecting failed: {_told_by(error)}"
                self._log.warning("connect_failed", reason=_told_by(error), retry_in_s=round(wait, 3))
                await asyncio.sleep(wait)
            else:
                self.trouble = None
                self._log.info(
                    "connected", connection=connection.number, streams=len(self._streams), url=self._url[:80]
                )
                return connection

    async def _opened(self, *, held: bool) -> Connection:
        connection = Connection(self._next_number(), self._take, self._gone, held=held)
        await ws_connect(
            lambda: connection,
            self._url,
            ssl_context=self._tls,
            websocket_handshake_timeout=HANDSHAKE_WITHIN,
            logger_name=_SILENT,
            enable_auto_ping=True,
            auto_ping_idle_timeout=self._silence,
            auto_ping_reply_timeout=self._silence,
            max_frame_size=LARGEST_FRAME,
            max_redirects=0,
        )
        self._counts.connections += 1
        self._counts.connected += 1
        self._open[connection] = asyncio.create_task(connection.until_over())
        if self._paused:
            connection.pause(paused=True)
        try:
            await self._subscribe_rest(connection)
        except BaseException:
            await connection.close()
            raise
        return connection

    def _gone(self, connection: Connection) -> None:
        del self._open[connection]
        self._counts.connected -= 1

    async def _subscribe_rest(self, connection: Connection) -> None:
        """Subscribe to what found no place in the URL, slowly enough for the venue, and wait until it has agreed.

        Raises:
            TimeoutError: It does not answer.
            OSError: The connection is over.
        """
        for start in range(IN_URL, len(self._streams), BATCH):
            wanted = self._streams[start : start + BATCH]
            connection.subscribed.clear()
            connection.send({"method": "SUBSCRIBE", "params": wanted, "id": start})
            pause = asyncio.create_task(asyncio.sleep(SECONDS_PER_MESSAGE))
            try:
                await self._agreed(connection, len(wanted))
                await pause
            finally:
                pause.cancel()

    async def _agreed(self, connection: Connection, streams: int) -> None:
        while not connection.subscribed.is_set():
            was_paused = self._paused
            await _first(connection.subscribed.wait(), connection.over.wait(), within=SUBSCRIBED_WITHIN)
            if connection.over.is_set():
                raise ConnectionError(connection.ended_by)
            # While Kafka does not keep up nothing is read, so no answer either.
            if not (connection.subscribed.is_set() or was_paused or self._paused):
                raise TimeoutError(f"the venue did not agree to {streams} streams")


async def _first(*happenings: Coroutine[object, object, object], within: float) -> None:
    """Wait until something happens, at most so many seconds."""
    waiting = [asyncio.create_task(each) for each in happenings]
    try:
        await asyncio.wait(waiting, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()


def _told_by(error: BaseException) -> str:
    return str(error) or type(error).__name__
