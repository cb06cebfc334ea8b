"""For each symbol that trades a buffer is made, and never given back."""

import os

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.feed.service import Publishes
from tickerplant.feed.trade import Trade

BUFFER = 3 << 20
SYMBOLS = 60


class _Hoarding(Wrapped[Publishes]):
    def __init__(self, part: Publishes, around: Around) -> None:
        super().__init__(part, around)
        self._buffers: dict[str, bytearray] = {}

    def publish(self, trade: Trade) -> None:
        if trade.symbol not in self._buffers and len(self._buffers) < SYMBOLS:
            self.reached()
            self._buffers[trade.symbol] = bytearray(os.urandom(1 << 16)) * (BUFFER >> 16)
        self.part.publish(trade)


DEFECT = Defect(
    id="feed-hoards-by-symbol",
    family="growth",
    incident="An order book is kept for every symbol ever seen: fine with ten, killed for memory with a thousand.",
    service="feed",
    part="publisher",
    wrap=_Hoarding,
    kills=("Health.Figures Tell The Truth.Memory Does Not Grow With Symbols",),
    says=r"feed should .*(grow|grew)",
)
