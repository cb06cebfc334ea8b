"""After the second attempt in vain it waits for an hour."""

from collections.abc import Callable

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.feed.connection import Waits


class _Tired(Wrapped[Waits]):
    def __init__(self, part: Waits, around: Around) -> None:
        super().__init__(part, around)
        self._failures = 0

    def next(self) -> float:
        self._failures += 1
        if self._failures < 2:
            return self.part.next()
        self.reached()
        return 3_600.0

    def reset(self) -> None:
        self._failures = 0
        self.part.reset()


def _wrap(backoff: Callable[[], Waits], around: Around) -> Callable[[], Waits]:
    return lambda: _Tired(backoff(), around)


DEFECT = Defect(
    id="feed-gives-up-reconnecting",
    family="availability",
    incident="A retry limit of two, and no alarm when it is reached: the feed sits there until somebody restarts it.",
    service="feed",
    part="backoff",
    wrap=_wrap,
    kills=("Pipeline.Disconnects Cost Nothing.A Dropped Connection Costs Nothing",),
    says=r"(is|are) lost",
)
