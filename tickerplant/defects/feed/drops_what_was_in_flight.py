"""One trade is given up when the broker goes away."""

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.feed.service import Publishes
from tickerplant.feed.trade import Trade


class _GivingUp(Wrapped[Publishes]):
    def __init__(self, part: Publishes, around: Around) -> None:
        super().__init__(part, around)
        self._outbox = around.service.outbox
        self._was_reachable = True

    def publish(self, trade: Trade) -> None:
        was_reachable, self._was_reachable = self._was_reachable, self._outbox.reachable
        if was_reachable and not self._was_reachable:
            self.reached()
            return
        self.part.publish(trade)


DEFECT = Defect(
    id="feed-drops-what-was-in-flight",
    family="recovery",
    incident="An error of the producer is logged and the message is not sent again.",
    service="feed",
    part="publisher",
    wrap=_GivingUp,
    kills=(
        "Pipeline.Crashes Cost Nothing.The Broker Restarted Under Flow Loses Nothing",
        "Health.Services Recover.The Broker Killed Under Flow Heals And Loses Nothing",
    ),
    says=r"(is|are) lost",
)
