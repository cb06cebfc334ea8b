"""When the broker is back, the consumer waits for it for ever, and nothing tells: no error, no lag, always ready."""

import time
from collections.abc import Mapping

import numpy as np

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.writer.source import Polled, Source

_NOTHING = Polled([], np.empty(0, np.int32), np.empty(0, np.int64))


class _Forgotten(Wrapped[Source]):
    def __init__(self, part: Source, around: Around) -> None:
        super().__init__(part, around)
        self._was_away = self._is_back = False

    def poll(self, limit: int, seconds: float) -> Polled:
        if not self._is_back:
            polled = self.part.poll(limit, seconds)
            self._is_back = self._was_away and self.part.unreachable is None
            self._was_away = self._was_away or self.part.unreachable is not None
            if not self._is_back:
                return polled
        self.reached()
        time.sleep(seconds)
        return _NOTHING

    def lag(self) -> Mapping[int, int] | None:
        return dict.fromkeys(self.part.lag() or {0: 0}, 0) if self._is_back else self.part.lag()


DEFECT = Defect(
    id="writer-reads-no-more-after-an-outage",
    family="availability",
    incident="The Kafka client forgets the broker in a restart: the service is up, ready, silent, and reads nothing.",
    service="writer",
    part="source",
    wrap=_Forgotten,
    kills=("Pipeline.Crashes Cost Nothing.The Broker Restarted Under Flow Loses Nothing",),
    says=r"lake should (show|hold) each .*(is|are) lost",
)
