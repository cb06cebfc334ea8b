"""The venue's REST: trades of the past, and how far each symbol has come.

Calls block, so they run in threads of their own, each with one connection that is kept open.
"""

import asyncio
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode, urlsplit

import msgspec

from tickerplant.feed.counts import Counts
from tickerplant.feed.trade import LARGEST_ID, Refused, RefusedError, Row, Side, Trade, check

PAGE = 1000
THREADS = 4
CONNECT_WITHIN = 3.0  # a thread that waits for it cannot be broken off when the feed ends
ANSWER_WITHIN = 10.0
LONGEST_WAIT = 3600.0

Id = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID)]


class HistoryError(Exception):
    """The venue did not answer as it should; `wait` is how long it wants to be left alone, in seconds."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


class _Row(msgspec.Struct, gc=False):
    id: Id
    price: str
    qty: str
    time: int
    isBuyerMaker: bool  # noqa: N815 - the venue's name


class _Named(msgspec.Struct, gc=False):
    id: Id


class _Ticker(msgspec.Struct, gc=False):
    symbol: str
    firstId: int  # noqa: N815 - the venue's name
    lastId: int  # noqa: N815 - same


class History:
    """Asks the venue.

    Args:
        url: Base address of the REST service.
        ca_file: Certificate authority to trust; empty for the system's own.
        microseconds: Whether times are asked for in microseconds, as on the live stream.
        counts: Where requests are counted by status.
    """

    def __init__(self, url: str, ca_file: str, *, microseconds: bool, counts: Counts) -> None:
        parts = urlsplit(url)
        self._secure = parts.scheme == "https"
        self._context = ssl.create_default_context(cafile=ca_file or None) if self._secure else None
        self._host, self._port, self._prefix = parts.hostname or "", parts.port, parts.path.rstrip("/")
        self._headers = {"X-MBX-TIME-UNIT": "MICROSECOND"} if microseconds else {}
        self._unit = 1 if microseconds else 1000
        self._counts = counts.history_requests
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="history")
        self._mine = threading.local()
        self._connections: list[http.client.HTTPConnection] = []
        self._closed = False
        self._rows = msgspec.json.Decoder(list[_Row]).decode
        self._row = msgspec.json.Decoder(_Row).decode
        self._apart = msgspec.json.Decoder(list[msgspec.Raw]).decode
        self._tickers = msgspec.json.Decoder(list[_Ticker]).decode
        self._free_at = 0.0

    async def trades(self, symbol: str, first: int, limit: int) -> list[Row]:
        """Return up to `limit` trades of a symbol from id `first` on, ascending; empty when there are none.

        A row that cannot be taken as a trade stands among the others as refused; one without an id stands first.

        Raises:
            HistoryError: The venue cannot be reached, or refuses.
        """
        query = {"symbol": symbol, "fromId": first, "limit": min(limit, PAGE)}
        body = await self._ask("/api/v3/historicalTrades", query)
        now_us = time.time_ns() // 1000
        try:
            rows = [self._trade(symbol, row, now_us) for row in self._rows(body)]
        except (msgspec.DecodeError, UnicodeDecodeError, RefusedError):
            return self._one_by_one(symbol, body, now_us)
        return sorted(rows, key=_id)

    def _one_by_one(self, symbol: str, body: bytes, now_us: int) -> list[Row]:
        """Read a page in which something is wrong, so that one bad row does not hide the others."""
        try:
            apart = self._apart(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise HistoryError(f"historicalTrades answered something else: {error}") from error
        rows: list[Row] = []
        for raw in apart:
            payload = bytes(raw)
            try:
                rows.append(self._trade(symbol, self._row(payload), now_us))
            except (msgspec.DecodeError, UnicodeDecodeError):
                rows.append(_refused(payload))
            except RefusedError as refusal:
                rows.append(Refused(self._row(payload).id, payload, refusal.reason))
        return sorted(rows, key=_id)

    async def extent(self, symbols: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Return the first and last trade id of each symbol over the last 24 h; -1 where there was no trade.

        Raises:
            HistoryError: The venue cannot be reached, or refuses.
        """
        query = {"symbols": msgspec.json.encode(list(symbols)).decode(), "type": "MINI"}
        body = await self._ask("/api/v3/ticker/24hr", query)
        try:
            return {ticker.symbol: (ticker.firstId, ticker.lastId) for ticker in self._tickers(body)}
        except msgspec.DecodeError as error:
            raise HistoryError(f"ticker/24hr answered something else: {error}") from error

    def close(self) -> None:
        """Start no more calls, and break off those under way."""
        self._closed = True
        for connection in self._connections:
            if connection.sock is not None:
                with suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)
        # Waiting for a thread that still connects would hold up the whole feed.
        self._pool.shutdown(wait=False, cancel_futures=True)
        for connection in self._connections:
            connection.close()

    def _trade(self, symbol: str, row: _Row, now_us: int) -> Trade:
        at = row.time * self._unit
        check(row.price, row.qty, at, at)
        side: Side = "sell" if row.isBuyerMaker else "buy"
        # The venue's history does not tell when the event was sent; the trade's own time is the best there is.
        return Trade(symbol, row.id, row.price, row.qty, at, at, side, "rest", now_us)

    async def _ask(self, path: str, query: Mapping[str, object]) -> bytes:
        wait = self._free_at - time.monotonic()
        if wait > 0:
            raise HistoryError("the venue asked to be left alone for a while", wait)
        target = f"{self._prefix}{path}?{urlencode(query)}"
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._get, target)

    def _get(self, target: str) -> bytes:
        for attempt in (1, 2):
            connection, fresh = self._connection()
            try:
                if fresh:
                    _connect(connection)
                connection.request("GET", target, headers=self._headers)
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                # A kept connection may have been closed meanwhile; that says nothing about the venue.
                if fresh or attempt == 2 or self._closed:
                    self._counts["unreachable"] += 1
                    raise HistoryError(f"{self._host}:{self._port}: {error}") from error
            else:
                return self._checked(answer, body)
        raise AssertionError("unreachable: the second attempt returns or raises")

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        kept = getattr(self._mine, "connection", None)
        if isinstance(kept, http.client.HTTPConnection):
            return kept, kept.sock is None
        new: http.client.HTTPConnection
        if self._secure:
            new = http.client.HTTPSConnection(
                self._host, self._port, timeout=CONNECT_WITHIN, context=self._context
            )
        else:
            new = http.client.HTTPConnection(self._host, self._port, timeout=CONNECT_WITHIN)
        self._mine.connection = new
        self._connections.append(new)
        return new, True

    def _checked(self, answer: http.client.HTTPResponse, body: bytes) -> bytes:
        self._counts[str(answer.status)] += 1
        if answer.status == HTTPStatus.OK:
            return body
        wait = 0.0
        if answer.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.IM_A_TEAPOT):
            # 418 is what the venue answers to those who went on after a 429.
            wait = retry_after(answer.getheader("Retry-After"))
            self._free_at = time.monotonic() + wait
        raise HistoryError(f"status {answer.status}: {body[:200].decode(errors='replace')}", wait)


def retry_after(header: str | None) -> float:
    """Return how many seconds a venue wants to be left alone: it may name them or a date; 1 when it says neither."""
    text = (header or "").strip()
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return min(float(text), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return 1.0
    seconds = (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), LONGEST_WAIT)


def _connect(connection: http.client.HTTPConnection) -> None:
    """Open a connection within the time for that; its answers may take longer."""
    connection.connect()
    sock: socket.socket = connection.sock
    sock.settimeout(ANSWER_WITHIN)


def _id(row: Row) -> int:
    return -1 if row.trade_id is None else row.trade_id


def _refused(payload: bytes) -> Refused:
    """Say what is wrong with a row that does not even have the form of one."""
    try:
        trade_id: int | None = msgspec.json.decode(payload, type=_Named).id
    except (msgspec.DecodeError, UnicodeDecodeError):
        trade_id = None
    try:
        value = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Refused(trade_id, payload, "not-json")
    if not isinstance(value, dict):
        return Refused(trade_id, payload, "not-an-object")
    if not value.keys() >= {"id", "price", "qty", "time", "isBuyerMaker"}:
        return Refused(trade_id, payload, "missing-field")
    if trade_id is None:
        return Refused(None, payload, "id-out-of-range" if isinstance(value["id"], int) else "wrong-type")
    if isinstance(value["price"], int | float):
        return Refused(trade_id, payload, "number-price")
    return Refused(
        trade_id, payload, "number-size" if isinstance(value["qty"], int | float) else "wrong-type"
    )
