"""Fills holes in the trade ids from the venue's history, and reports those that it cannot fill.

It works beside the live stream, one task a symbol, and never holds the stream up.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from tickerplant.feed.counts import Counts
from tickerplant.feed.coverage import Coverage
from tickerplant.feed.history import PAGE, HistoryError
from tickerplant.feed.trade import Refused, Row, Trade
from tickerplant.service import Log

SIDE_BY_SIDE = 4
FIRST_WAIT, LONGEST_WAIT = 0.1, 0.5
SECOND_LOOK_AFTER = 2.0


class VenueHistory(Protocol):
    """What can be asked about the past."""

    async def trades(self, symbol: str, first: int, limit: int) -> list[Row]:
        """Return trades from id `first` on, ascending, and between them the rows that cannot be taken."""

    async def extent(self, symbols: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Return the first and last trade id of each symbol."""

    def close(self) -> None:
        """Break off what is under way."""


class Reports(Protocol):
    """Where a gap that stays open is told."""

    def report(self, symbol: str, first: int, last: int, *, detected_us: int, reason: str) -> None:
        """Report the ids `first` to `last`."""


class Letters(Protocol):
    """Where that goes which cannot be taken."""

    def put(
        self, payload: bytes, *, reason: str, position: str, received_us: int, source: str = "ws"
    ) -> None:
        """Set one frame of the stream or one row of the history aside."""


class _Reach:
    """Since when the history has been out of reach, without the time for which it was not asked."""

    def __init__(self) -> None:
        self.since = time.monotonic()

    def answered(self) -> None:
        self.since = time.monotonic()

    def excuse(self, seconds: float) -> None:
        self.since += seconds


class Repairer:
    """Keeps the coverage of all symbols whole.

    Args:
        history: The venue's memory.
        coverage: What is known of each symbol's ids; shared with the live stream.
        publish: Takes a repaired trade.
        room: Waits until Kafka can take more.
        reports: Where a gap that stays open is told.
        letters: Where rows of the history go that cannot be taken.
        grace: Seconds that a missing trade may still come by itself (frames may be swapped on the way).
        patience: Seconds that the history is given to know a trade.
        reach_patience: Seconds that the history may be out of reach since it answered last; time for which the venue
            asked to be left alone does not count.
    """

    def __init__(
        self,
        history: VenueHistory,
        coverage: Mapping[str, Coverage],
        publish: Callable[[Trade], None],
        *,
        room: Callable[[], Awaitable[None]],
        reports: Reports,
        letters: Letters,
        counts: Counts,
        log: Log,
        grace: float,
        patience: float,
        reach_patience: float,
    ) -> None:
        self._history = history
        self._coverage = coverage
        self._publish = publish
        self._room = room
        self._reports = reports
        self._letters = letters
        self._counts = counts
        self._log = log
        self._grace, self._patience, self._reach_patience = grace, patience, reach_patience
        self._slots = asyncio.Semaphore(SIDE_BY_SIDE)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def wake(self, symbol: str) -> None:
        """Look after the symbol's holes, in the background."""
        self._counts.gaps += 1
        if symbol not in self._tasks:
            task = asyncio.create_task(self._mend(symbol), name=f"repair {symbol}")
            self._tasks[symbol] = task
            task.add_done_callback(lambda _: self._tasks.pop(symbol, None))

    async def check_tails(self, symbols: Sequence[str]) -> None:
        """After a (re)connect, find out what was traded meanwhile, also where nothing newer has come since.

        One request tells it for all symbols. The venue's figures may lag behind, so it asks a second time later.
        """
        for delay in (0.0, SECOND_LOOK_AFTER):
            await asyncio.sleep(delay)
            extent = await self._extent(symbols)
            now = time.monotonic()
            for symbol in symbols:
                if symbol in extent and self._coverage[symbol].check(*extent[symbol], now):
                    self.wake(symbol)

    async def close(self) -> None:
        """Abandon what is under way; the next start finds it again."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _extent(self, symbols: Sequence[str]) -> dict[str, tuple[int, int]]:
        wait = FIRST_WAIT
        told = False
        while True:
            try:
                return await self._history.extent(symbols)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with the history, the question stays
                if not told:
                    self._log.warning("history_unreachable", reason=_told_by(error))
                    told = True
                await asyncio.sleep(max(wait, _asked_to_wait(error)))
                wait = min(2 * wait, 10 * LONGEST_WAIT)

    async def _mend(self, symbol: str) -> None:
        coverage = self._coverage[symbol]
        await asyncio.sleep(self._grace)
        wait = FIRST_WAIT
        reach, aside = _Reach(), set[bytes]()
        while coverage.holes:
            before = list(coverage.holes)
            pause = 0.0
            try:
                asked = time.monotonic()
                async with self._slots:
                    reach.excuse(time.monotonic() - asked)
                    await self._pass(symbol, coverage, reach, aside)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with the history, the holes stay
                pause = _asked_to_wait(error)
                self._log.warning("history_failed", symbol=symbol, reason=_told_by(error))
                self._give_up(symbol, coverage, self._reach_patience, "history-unreachable", reach.since)
            else:
                self._give_up(symbol, coverage, self._patience, "not-in-history")
            if coverage.holes:
                wait = FIRST_WAIT if coverage.holes != before else min(2 * wait, LONGEST_WAIT)
                await asyncio.sleep(max(wait, pause))
                reach.excuse(pause)

    async def _pass(self, symbol: str, coverage: Coverage, reach: _Reach, aside: set[bytes]) -> None:
        """Ask once for everything that is missing now."""
        position = 0
        while (first := coverage.missing_from(position)) is not None:
            page = await self._history.trades(symbol, first, min(PAGE, coverage.holes[-1].last - first + 1))
            reach.answered()
            await self._room()
            for row in page:
                if isinstance(row, Refused):
                    self._set_aside(symbol, row, aside)
                elif coverage.misses(row.trade_id):
                    self._publish(row)
                    coverage.fill(row.trade_id, row.trade_id)
            # A page without any id, or with none that was asked for, leads no further.
            position = max((row.trade_id for row in page if row.trade_id is not None), default=-1) + 1
            if position <= first:
                return

    def _set_aside(self, symbol: str, row: Refused, aside: set[bytes]) -> None:
        """Keep a row that cannot be taken, once; its trade stays missing, as the venue may yet put it right."""
        held = row.trade_id is not None and not self._coverage[symbol].misses(row.trade_id)
        if held or row.payload in aside:
            return
        aside.add(row.payload)
        self._letters.put(
            row.payload,
            reason=row.reason,
            position=f"rest:{symbol}/trade:{'unknown' if row.trade_id is None else row.trade_id}",
            received_us=time.time_ns() // 1000,
            source="rest",
        )

    def _give_up(
        self, symbol: str, coverage: Coverage, patience: float, reason: str, since: float = 0.0
    ) -> None:
        """Report the holes for which patience is over: it begins with the hole, but not before `since`."""
        now, now_us = time.monotonic(), time.time_ns() // 1000
        expired = [hole for hole in coverage.holes if now - max(hole.since, since) >= patience]
        for hole in expired:
            coverage.fill(hole.first, hole.last)
            detected_us = now_us - int((now - hole.since) * 1e6)
            self._reports.report(symbol, hole.first, hole.last, detected_us=detected_us, reason=reason)


def _asked_to_wait(error: Exception) -> float:
    return error.wait if isinstance(error, HistoryError) else 0.0


def _told_by(error: Exception) -> str:
    return str(error) if isinstance(error, HistoryError) else f"{type(error).__name__}: {error}"
