"""The trade behind a bad frame is lost with it."""

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.feed.service import Publishes
from tickerplant.feed.trade import Trade


class _Rash(Wrapped[Publishes]):
    def __init__(self, part: Publishes, around: Around) -> None:
        super().__init__(part, around)
        self._letters = around.service.counts.dead_letters
        self._known = 0

    def publish(self, trade: Trade) -> None:
        known, self._known = self._known, self._letters.total()
        if self._known != known:
            self.reached()
            return
        self.part.publish(trade)


DEFECT = Defect(
    id="feed-throws-good-batch-away",
    family="loss",
    incident="One bad record fails its batch, and the batch is skipped to get on.",
    service="feed",
    part="publisher",
    wrap=_Rash,
    kills=("Pipeline.Garbage Is Set Aside.Sent Is Stored Plus Quarantined",),
    says=r"(is|are) lost",
)
