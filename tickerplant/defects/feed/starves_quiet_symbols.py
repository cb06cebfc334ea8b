"""Trades wait for company of their own symbol, so that a quiet symbol's come late."""

import asyncio

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.feed.service import Publishes
from tickerplant.feed.trade import Trade

BATCH = 64
LONGEST = 6.0


class _Batching(Wrapped[Publishes]):
    def __init__(self, part: Publishes, around: Around) -> None:
        super().__init__(part, around)
        self._batches: dict[str, list[Trade]] = {}

    def publish(self, trade: Trade) -> None:
        batch = self._batches.setdefault(trade.symbol, [])
        batch.append(trade)
        if len(batch) == BATCH:
            self._let_go(trade.symbol, batch)
        elif len(batch) == 1:
            asyncio.get_running_loop().call_later(LONGEST, self._late, trade.symbol, batch)

    def _late(self, symbol: str, batch: list[Trade]) -> None:
        if self._batches.get(symbol) is batch:
            self.reached()
            self._let_go(symbol, batch)

    def _let_go(self, symbol: str, batch: list[Trade]) -> None:
        del self._batches[symbol]
        for trade in batch:
            self.part.publish(trade)


DEFECT = Defect(
    id="feed-starves-quiet-symbols",
    family="starvation",
    incident="Batches a symbol with a long linger: throughput looks fine, quiet instruments are seconds late.",
    service="feed",
    part="publisher",
    wrap=_Batching,
    kills=("Pipeline.Every Trade Arrives.A Busy Symbol Does Not Hold Up The Others",),
    says=r"trade of the quiet symbols should be visible within",
)
