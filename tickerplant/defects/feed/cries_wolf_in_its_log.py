"""Of what is no error, the feed tells as one."""

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.feed.service import Publishes
from tickerplant.feed.trade import Trade
from tickerplant.service import Log

RARELY = 500


class _Crying(Wrapped[Publishes]):
    def __init__(self, part: Publishes, around: Around) -> None:
        super().__init__(part, around)
        self._log: Log = around.service.log
        self._count = 0

    def publish(self, trade: Trade) -> None:
        self._count += 1
        if self._count % RARELY == 0:
            self.reached()
            self._log.error("published", symbol=trade.symbol, trade_id=trade.trade_id)
        self.part.publish(trade)


DEFECT = Defect(
    id="feed-cries-wolf-in-its-log",
    family="logs",
    incident="A wrong level in one line: the alarm on errors is silenced in its first week, for true ones, too.",
    service="feed",
    part="publisher",
    wrap=_Crying,
    kills=("Health.Logs Tell What Happened.A Sound Flow Leaves Sound Logs",),
    says=r"feed should tell of no error",
)
