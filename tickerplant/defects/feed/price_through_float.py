"""A price passes through a float, which only those with many digits feel."""

from decimal import Decimal

from msgspec.structs import replace

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect
from tickerplant.feed.service import Publishes
from tickerplant.feed.trade import Trade


class _Floating(Wrapped[Publishes]):
    def publish(self, trade: Trade) -> None:
        nearly = Decimal(repr(float(trade.price)))
        if nearly != Decimal(trade.price):
            self.reached()
            trade = replace(trade, price=f"{nearly:f}")
        self.part.publish(trade)


DEFECT = Defect(
    id="feed-price-through-float",
    family="precision",
    incident="A helper normalises prices by way of a float: right for 15 digits, wrong for the sixteenth.",
    service="feed",
    part="publisher",
    wrap=_Floating,
    kills=("Pipeline.Values Stay Exact.Values Are Exact In Microseconds",),
    says=r"price\w* should be",
)
