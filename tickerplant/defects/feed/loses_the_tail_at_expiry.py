"""The last trade that came over a connection dies with it."""

import asyncio

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.feed.service import Publishes
from tickerplant.feed.trade import Trade

LINGER = 0.25


class _Lingering(Wrapped[Publishes]):
    """Keeps the newest trade until the next one comes, or a quarter of a second; a new connection starts empty."""

    def __init__(self, part: Publishes, around: Around) -> None:
        super().__init__(part, around)
        self._counts = around.service.counts
        self._opened = 0
        self._newest: Trade | None = None
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def publish(self, trade: Trade) -> None:
        loop = asyncio.get_running_loop()
        newest, self._newest, self._since = self._newest, trade, loop.time()
        if newest is not None and self._counts.connections != self._opened:
            self.reached()
            newest = None
        self._opened = self._counts.connections
        if newest is not None:
            self.part.publish(newest)
        if self._timer is None:
            self._timer = loop.call_later(LINGER, self._let_go)

    def _let_go(self) -> None:
        loop = asyncio.get_running_loop()
        left = self._since + LINGER - loop.time()
        if left > 0:
            self._timer = loop.call_later(left, self._let_go)
            return
        newest, self._newest, self._timer = self._newest, None, None
        if newest is not None:
            self.part.publish(newest)


DEFECT = Defect(
    id="feed-loses-the-tail-at-expiry",
    family="loss",
    incident="A batch belongs to its connection and is dropped with it, once a day at the venue's disconnect.",
    service="feed",
    part="publisher",
    wrap=_Lingering,
    kills=(
        "Pipeline.Disconnects Cost Nothing.The Daily Disconnect Costs Nothing",
        "Pipeline.Disconnects Cost Nothing.The Shutdown Notice Costs Nothing",
    ),
    says=r"(is|are) lost",
)
