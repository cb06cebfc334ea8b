"""Some trades carry the time at which the venue told of them, not the time at which they happened."""

from msgspec.structs import replace

from tickerplant.defects.binding import Every, Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.feed.service import Publishes
from tickerplant.feed.trade import Trade


class _Confusing(Wrapped[Publishes]):
    def __init__(self, part: Publishes, around: Around) -> None:
        super().__init__(part, around)
        self._turn = Every(100)

    def publish(self, trade: Trade) -> None:
        if self._turn():
            self.reached()
            trade = replace(trade, event_time_us=trade.venue_time_us)
        self.part.publish(trade)


DEFECT = Defect(
    id="feed-takes-event-for-trade-time",
    family="time",
    incident="E and T are taken for each other: a millisecond that moves trades into the next bar.",
    service="feed",
    part="publisher",
    wrap=_Confusing,
    kills=("Pipeline.Values Stay Exact.Event Time Is The Trade's Own Time",),
    says=r"event_time should be",
)
