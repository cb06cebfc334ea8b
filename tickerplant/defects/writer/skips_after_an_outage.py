"""When the broker is back, the first message that was polled is taken for one that was seen before."""

import numpy as np

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.writer.source import Polled, Source


class _Skipping(Wrapped[Source]):
    def __init__(self, part: Source, around: Around) -> None:
        super().__init__(part, around)
        self._was_away = False

    def poll(self, limit: int, seconds: float) -> Polled:
        self._was_away = self._was_away or self.part.unreachable is not None
        polled = self.part.poll(limit, seconds)
        alone = np.bincount(polled.partitions) if len(polled) else np.empty(0)
        if not self._was_away or not len(polled) or alone[polled.partitions[0]] < 2:
            return polled  # the offset of what is skipped must be passed by another message
        self._was_away = False
        self.reached()
        return Polled(polled.values[1:], polled.partitions[1:], polled.offsets[1:])


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
