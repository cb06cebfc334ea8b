"""While one key is refused, so is everybody."""

import time

from tickerplant.api.limiter import Allowance, Limiter
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect


class _Collective(Wrapped[Limiter]):
    def __init__(self, part: Limiter, around: Around) -> None:
        super().__init__(part, around)
        self._closed_until = 0.0
        self._guilty = ""

    def ask(self, name: str, per_minute: int) -> Allowance:
        allowance = self.part.ask(name, per_minute)
        left = self._closed_until - time.monotonic()
        if not allowance.granted:
            self._closed_until, self._guilty = time.monotonic() + allowance.retry_after, name
        elif left > 0 and name != self._guilty:
            self.reached()
            return Allowance(
                granted=False, limit=per_minute, remaining=0, reset=1, retry_after=max(1, int(left))
            )
        return allowance


DEFECT = Defect(
    id="api-shares-one-limit",
    family="limits",
    incident="The limit counts by address instead of by key: one busy client locks its neighbours out.",
    service="api",
    part="limiter",
    wrap=_Collective,
    kills=("Journeys.A Client Meets Its Limit.The Limit Of One Key Is Not The Limit Of Another",),
    says=r"The limit of one key should not touch another, but analyst was answered 429",
)
