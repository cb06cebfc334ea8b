"""A refusal costs more than the refused are told."""

import time
from dataclasses import replace

from tickerplant.api.limiter import Allowance, Limiter
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect

LONGER = 1.0


class _Resentful(Wrapped[Limiter]):
    """Keeps a refused key out for a second longer than it says."""

    def __init__(self, part: Limiter, around: Around) -> None:
        super().__init__(part, around)
        self._shut_until: dict[str, float] = {}

    def ask(self, name: str, per_minute: int) -> Allowance:
        now = time.monotonic()
        allowance = self.part.ask(name, per_minute)
        if not allowance.granted:
            self._shut_until.setdefault(name, now + allowance.retry_after + LONGER)
        elif now < self._shut_until.get(name, now):
            self.reached()
            return replace(allowance, granted=False, retry_after=1)
        else:
            self._shut_until.pop(name, None)
        return allowance


DEFECT = Defect(
    id="api-says-retry-too-early",
    family="limits",
    incident="Two clocks for one limit: polite clients come back as told and are refused again.",
    service="api",
    part="limiter",
    wrap=_Resentful,
    kills=("Journeys.A Client Meets Its Limit.A Client That Waits As Told Misses Nothing",),
    says=r"A client that waits \d+ s as Retry-After says should be served",
)
