"""When the broker is back, the first message that was polled is taken for one that was seen before."""

from tickerplant.defects.model import Defect
from tickerplant.defects.writer._skipping import SkipsOne
from tickerplant.writer.source import Polled


class _Skipping(SkipsOne):
    def poll(self, limit: int, seconds: float) -> Polled:
        self.away = self.away or self.part.unreachable is not None
        return self._skipped(self.part.poll(limit, seconds))


DEFECT = Defect(
    id="writer-skips-after-an-outage",
    family="recovery",
    incident="After a rebalance the consumer goes on behind the offset it had, not at it: one record in an outage.",
    service="writer",
    part="source",
    wrap=_Skipping,
    kills=("Pipeline.Crashes Cost Nothing.The Broker Restarted Under Flow Loses Nothing",),
    says=r"lake should show each .*(is|are) lost",
)
