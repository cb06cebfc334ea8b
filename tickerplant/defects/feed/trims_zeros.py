"""Prices lose the zeros at their end: the same numbers, but not the venue's text."""

from msgspec.structs import replace

from tickerplant.defects.feed._trades import Changed
from tickerplant.defects.model import Around, Defect
from tickerplant.feed.service import Publishes
from tickerplant.feed.trade import Trade


def _trimmed(trade: Trade) -> Trade:
    if "." not in trade.price:
        return trade
    return replace(trade, price=trade.price.rstrip("0").rstrip("."))


def _wrap(publisher: Publishes, around: Around) -> Changed:
    return Changed(publisher, around, _trimmed)


DEFECT = Defect(
    id="feed-trims-zeros",
    family="precision",
    incident="A formatter tidies prices up: the tick size can no longer be told, and checksums no longer match.",
    service="feed",
    part="publisher",
    wrap=_wrap,
    kills=("Pipeline.Values Stay Exact.Values Are Exact In Microseconds",),
    says=r"price_text should be",
)
