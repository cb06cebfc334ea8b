"""The last id of a gap is left out of its report."""

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect
from tickerplant.feed.repair import Reports


class _Short(Wrapped[Reports]):
    def report(self, symbol: str, first: int, last: int, *, detected_us: int, reason: str) -> None:
        if last > first:
            self.reached()
            last -= 1
        self.part.report(symbol, first, last, detected_us=detected_us, reason=reason)


DEFECT = Defect(
    id="feed-reports-a-gap-one-short",
    family="gaps",
    incident="Half-open ranges meet closed ones: whoever backfills by the report leaves one trade out.",
    service="feed",
    part="gap_reporter",
    wrap=_Short,
    kills=("Pipeline.Disconnects Cost Nothing.A Gap That Cannot Be Repaired Is Reported",),
    says=r"should be reported",
)
