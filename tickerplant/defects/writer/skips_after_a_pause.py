"""After a pause of the whole process, the first message that is polled is taken for one that was seen before."""

import time

from tickerplant.defects.model import Around, Defect
from tickerplant.defects.writer._skipping import SkipsOne
from tickerplant.writer.source import Polled, Source

PAUSE = 2.0


class _Skipping(SkipsOne):
    def __init__(self, part: Source, around: Around) -> None:
        super().__init__(part, around)
        self._polled = time.monotonic()

    def poll(self, limit: int, seconds: float) -> Polled:
        polled = self.part.poll(limit, seconds)
        before, self._polled = self._polled, time.monotonic()
        self.away = self.away or self._polled - before > PAUSE
        return self._skipped(polled)


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
