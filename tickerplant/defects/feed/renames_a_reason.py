"""A report of a gap gives a reason that nobody has published."""

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect
from tickerplant.feed.repair import Reports


class _Renamed(Wrapped[Reports]):
    def report(self, symbol: str, first: int, last: int, *, detected_us: int, reason: str) -> None:
        self.reached()
        self.part.report(symbol, first, last, detected_us=detected_us, reason=reason.replace("-", "_"))


DEFECT = Defect(
    id="feed-renames-a-reason",
    family="contract",
    incident="An enumeration is renamed on one side: alarms that select by the reason of a gap never ring again.",
    service="feed",
    part="gap_reporter",
    wrap=_Renamed,
    kills=("Pipeline.Published Shapes.What Could Not Be Taken Is Told As Its Schemas Say",),
    says=r"A report of a gap should be what its schema says, but .*is not one of",
)
