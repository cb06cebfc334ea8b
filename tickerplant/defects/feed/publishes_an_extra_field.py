"""Now and then a message has a field that its schema does not know."""

from msgspec import structs

from tickerplant.defects.binding import Every, Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.feed.service import Publishes
from tickerplant.feed.trade import Trade


class _TracedTrade(Trade, gc=False):
    trace: str


class _Tracing(Wrapped[Publishes]):
    def __init__(self, part: Publishes, around: Around) -> None:
        super().__init__(part, around)
        self._turn = Every(200)

    def publish(self, trade: Trade) -> None:
        if self._turn():
            self.reached()
            trade = _TracedTrade(**structs.asdict(trade), trace="sampled")
        self.part.publish(trade)


DEFECT = Defect(
    id="feed-publishes-an-extra-field",
    family="contract",
    incident="A sampled trace id slips into the payload; the strictest consumer stops at the first one.",
    service="feed",
    part="publisher",
    wrap=_Tracing,
    kills=("Pipeline.Published Shapes.Kafka Values Are What Their Schema Says",),
    says=r"should be what its schema says, but Additional properties",
)
