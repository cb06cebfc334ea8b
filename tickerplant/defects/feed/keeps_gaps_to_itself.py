"""A gap that stays open is counted and logged, but the topic of gaps never hears of it."""

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.feed.outbox import Headers
from tickerplant.feed.repair import Reports


class _Nowhere:
    """Stands where messages go to Kafka, and takes none there."""

    def send(self, topic: str, key: bytes | None, value: bytes, headers: Headers | None = None) -> None:
        """Forget it."""


class _Discreet(Wrapped[Reports]):
    def __init__(self, part: Reports, around: Around) -> None:
        super().__init__(part, around)
        self._muted = type(part)(_Nowhere(), "", around.service.counts, around.service.log)  # type: ignore[call-arg]  # as GapReporter

    def report(self, symbol: str, first: int, last: int, *, detected_us: int, reason: str) -> None:
        self.reached()
        self._muted.report(symbol, first, last, detected_us=detected_us, reason=reason)


DEFECT = Defect(
    id="feed-keeps-gaps-to-itself",
    family="repair",
    incident="The report of a gap is not flushed: operators see the log, consumers of the topic see nothing.",
    service="feed",
    part="gap_reporter",
    wrap=_Discreet,
    kills=("Pipeline.Disconnects Cost Nothing.A Gap That Cannot Be Repaired Is Reported",),
    says=r"the topic of gaps tells nothing",
)
