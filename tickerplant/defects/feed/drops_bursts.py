"""A burst that is larger than a queue loses one trade."""

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.feed.service import Publishes
from tickerplant.feed.trade import Trade

WINDOW_US = 50_000
QUEUE = 600


class _Overflowing(Wrapped[Publishes]):
    """Drops the first trade that finds 600 others of the same 50 ms before it."""

    def __init__(self, part: Publishes, around: Around) -> None:
        super().__init__(part, around)
        self._since = 0
        self._count = 0

    def publish(self, trade: Trade) -> None:
        if trade.ingest_time_us - self._since > WINDOW_US:
            self._since, self._count = trade.ingest_time_us, 0
        self._count += 1
        if self._count == QUEUE:
            self.reached()
            return
        self.part.publish(trade)


DEFECT = Defect(
    id="feed-drops-bursts",
    family="loss",
    incident="A bounded queue between socket and producer drops what does not fit, at market open only.",
    service="feed",
    part="publisher",
    wrap=_Overflowing,
    kills=("Pipeline.Disconnects Cost Nothing.A Stalled Stream Costs Nothing",),
    says=r"(is|are) lost",
)
