"""Gaps are reported by topic and log, but the metric that alarms stand on stays where it was."""

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.feed.repair import Reports


class _Uncounted(Wrapped[Reports]):
    def __init__(self, part: Reports, around: Around) -> None:
        super().__init__(part, around)
        self._counts = around.service.counts

    def report(self, symbol: str, first: int, last: int, *, detected_us: int, reason: str) -> None:
        before = self._counts.unrepaired[symbol]
        self.part.report(symbol, first, last, detected_us=detected_us, reason=reason)
        self.reached()
        self._counts.unrepaired[symbol] = before


DEFECT = Defect(
    id="feed-counts-no-gaps",
    family="gaps",
    incident="A counter was renamed on one side only: the dashboard is green and shows nothing.",
    service="feed",
    part="gap_reporter",
    wrap=_Uncounted,
    kills=("Pipeline.Disconnects Cost Nothing.A Gap That Cannot Be Repaired Is Reported",),
    says=r"should be reported",
)
