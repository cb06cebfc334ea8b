"""After a pause of the whole process, the first message that is polled is taken for one that was seen before."""

import time

import numpy as np

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.writer.source import Polled, Source

PAUSE = 2.0


class _Skipping(Wrapped[Source]):
    def __init__(self, part: Source, around: Around) -> None:
        super().__init__(part, around)
        self._polled = time.monotonic()
        self._was_away = False

    def poll(self, limit: int, seconds: float) -> Polled:
        polled = self.part.poll(limit, seconds)
        before, self._polled = self._polled, time.monotonic()
        self._was_away = self._was_away or self._polled - before > PAUSE
        alone = np.bincount(polled.partitions) if len(polled) else np.empty(0)
        if not self._was_away or not len(polled) or alone[polled.partitions[0]] < 2:
            return polled  # the offset of what is skipped must be passed by another message
        self._was_away = False
        self.reached()
        return Polled(polled.values[1:], polled.partitions[1:], polled.offsets[1:])


DEFECT = Defect(
    id="writer-skips-after-a-pause",
    family="recovery",
    incident="A machine that was suspended for seconds takes its consumer for a new one: one record a suspension.",
    service="writer",
    part="source",
    wrap=_Skipping,
    kills=("Health.Services Recover.Each Service Paused Under Flow Loses Nothing",),
    says=r"lake should show each .*(is|are) lost",
)
