"""Fills holes in the trade ids from the venue's history, and reports those that it cannot fill.

It works beside the live stream, one task a symbol, and never holds the stream up.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from tickerplant.feed.counts import Counts
from tickerplant.feed.coverage import Coverage, Hole
from tickerplant.feed.history import PAGE, HistoryError
from tickerplant.feed.trade import Trade
from tickerplant.service import Log

SIDE_BY_SIDE = 4
FIRST_WAIT, LONGEST_WAIT = 0.1, 0.5
SECOND_LOOK_AFTER = 2.0


class VenueHistory(Protocol):
    """What can be asked about the past."""

    async def trades(self, symbol: str, first: int, limit: int) -> list[Trade]:
        """Return trades from id `first` on, ascending."""

    async def extent(self, symbols: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Return the first and last trade id of each symbol."""

    def close(self) -> None:
        """Break off what is under way."""


class Reports(Protocol):
    """Where a gap that stays open is told."""

    def report(self, symbol: str, first: int, last: int, *, detected_us: int, reason: str) -> None:
        """Report the ids `first` to `last`."""


class Repairer:
    """Keeps the coverage of all symbols whole.

    Args:
        history: The venue's memory.
        coverage: What is known of each symbol's ids; shared with the live stream.
        publish: Takes a repaired trade.
        room: Waits until Kafka can take more.
        reports: Where a gap that stays open is told.
        grace: Seconds that a missing trade may still come by itself (frames may be swapped on the way).
        patience: Seconds that the history is given to know a trade.
        reach_patience: Seconds that the history is given to be reachable at all.
    """

    def __init__(
        self,
        history: VenueHistory,
        coverage: Mapping[str, Coverage],
        publish: Callable[[Trade], None],
        *,
        room: Callable[[], Awaitable[None]],
        reports: Reports,
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
            except HistoryError as error:
                if not told:
                    self._log.warning("history_unreachable", reason=str(error))
                    told = True
                await asyncio.sleep(max(wait, error.wait))
                wait = min(2 * wait, 10 * LONGEST_WAIT)

    async def _mend(self, symbol: str) -> None:
        coverage = self._coverage[symbol]
        await asyncio.sleep(self._grace)
        wait = FIRST_WAIT
        while coverage.holes:
            before = coverage.holes
            patience, reason, pause = self._patience, "not-in-history", 0.0
            try:
                async with self._slots:
                    await self._pass(symbol, coverage)
            except HistoryError as error:
                patience, reason, pause = self._reach_patience, "history-unreachable", error.wait
                self._log.warning("history_failed", symbol=symbol, reason=str(error))
            self._give_up(symbol, coverage, patience, reason)
            if coverage.holes:
                wait = FIRST_WAIT if coverage.holes != before else min(2 * wait, LONGEST_WAIT)
                await asyncio.sleep(max(wait, pause))

    async def _pass(self, symbol: str, coverage: Coverage) -> None:
        """Ask once for everything that is missing now."""
        position = 0
        while True:
            ahead = [hole for hole in coverage.holes if hole.last >= position]
            if not ahead:
                return
            first = max(position, ahead[0].first)
            page = await self._history.trades(symbol, first, min(PAGE, ahead[-1].last - first + 1))
            if not page:
                return
            await self._room()
            for trade in page:
                if coverage.misses(trade.trade_id):
                    coverage.fill(trade.trade_id, trade.trade_id)
                    self._publish(trade)
            position = page[-1].trade_id + 1

    def _give_up(self, symbol: str, coverage: Coverage, patience: float, reason: str) -> None:
        now, now_us = time.monotonic(), time.time_ns() // 1000
        expired: list[Hole] = [hole for hole in coverage.holes if now - hole.since >= patience]
        for hole in expired:
            coverage.fill(hole.first, hole.last)
            detected_us = now_us - int((now - hole.since) * 1e6)
            self._reports.report(symbol, hole.first, hole.last, detected_us=detected_us, reason=reason)
