"""Two trades of a symbol change places on their way into Kafka."""

import asyncio

from tickerplant.defects.binding import Every, Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.feed.service import Publishes
from tickerplant.feed.trade import Trade

LONGEST = 0.2


class _Swapping(Wrapped[Publishes]):
    """Holds a trade back until the next one of its symbol is published; alone it goes after a moment."""

    def __init__(self, part: Publishes, around: Around) -> None:
        super().__init__(part, around)
        self._held: dict[str, Trade] = {}
        self._turn = Every(500)

    def publish(self, trade: Trade) -> None:
        overtaken = self._held.pop(trade.symbol, None)
        if overtaken is None and self._turn():
            self._held[trade.symbol] = trade
            asyncio.get_running_loop().call_later(LONGEST, self._let_go, trade.symbol)
            return
        self.part.publish(trade)
        if overtaken is not None:
            self.reached()
            self.part.publish(overtaken)

    def _let_go(self, symbol: str) -> None:
        waiting = self._held.pop(symbol, None)
        if waiting is not None:
            self.part.publish(waiting)


DEFECT = Defect(
    id="feed-swaps-neighbours",
    family="order",
    incident="A failed produce request is sent again behind a later one: neighbours change places.",
    service="feed",
    part="publisher",
    wrap=_Swapping,
    kills=("Pipeline.Every Trade Arrives.Every Symbol Keeps Its Order And Its Partition",),
    says=r"pairs? (is|are) out of order",
)
