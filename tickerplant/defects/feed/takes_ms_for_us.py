"""Where the venue speaks in milliseconds, some of its times are written as if they were microseconds."""

from msgspec.structs import replace

from tickerplant.defects.binding import Every, Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.feed.service import Publishes
from tickerplant.feed.trade import Trade


class _Unitless(Wrapped[Publishes]):
    def __init__(self, part: Publishes, around: Around) -> None:
        super().__init__(part, around)
        self._milliseconds = not around.service.settings.microseconds
        self._turn = Every(50)

    def publish(self, trade: Trade) -> None:
        if self._milliseconds and self._turn():
            self.reached()
            trade = replace(trade, event_time_us=trade.event_time_us // 1000)
        self.part.publish(trade)


DEFECT = Defect(
    id="feed-takes-ms-for-us",
    family="time",
    incident="One path forgets that the venue's default unit is the millisecond: trades of January 1970.",
    service="feed",
    part="publisher",
    wrap=_Unitless,
    kills=("Pipeline.Values Stay Exact.Values Are Exact In Milliseconds",),
    says=r"event_time should be \S+ but is 1970-",
    spoils=True,
    restarted=True,
)
