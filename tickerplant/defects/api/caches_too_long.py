"""What the table holds is looked up once in a while, not when it is asked for."""

import time

from tickerplant.api.store import TradeStore, View
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect

SECONDS = 10.0


class _Slow(Wrapped[TradeStore]):
    def __init__(self, part: TradeStore, around: Around) -> None:
        super().__init__(part, around)
        self._view: View | None = None
        self._since = 0.0

    def newest(self) -> View:
        now = time.monotonic()
        if self._view is None or now - self._since >= SECONDS:
            self._view, self._since = self.part.newest(), now
            return self._view
        if self.part.newest().snapshot != self._view.snapshot:
            self.reached()
        return self._view


DEFECT = Defect(
    id="api-caches-too-long",
    family="staleness",
    incident="A cache in front of the catalog was meant for a quarter of a second and got a quarter of a minute.",
    service="api",
    part="store",
    wrap=_Slow,
    kills=("Pipeline.Every Trade Arrives.The API Follows The Lake",),
    says=r"api .*within",
)
