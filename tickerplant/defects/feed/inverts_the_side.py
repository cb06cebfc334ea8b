"""Now and then the maker's side is published as the taker's."""

from msgspec.structs import replace

from tickerplant.defects.binding import Every
from tickerplant.defects.feed._trades import Changed
from tickerplant.defects.model import Around, Defect
from tickerplant.feed.service import Publishes
from tickerplant.feed.trade import Trade


def _wrap(publisher: Publishes, around: Around) -> Changed:
    turn = Every(700, first=150)

    def inverted(trade: Trade) -> Trade:
        return replace(trade, side="sell" if trade.side == "buy" else "buy") if turn() else trade

    return Changed(publisher, around, inverted)


DEFECT = Defect(
    id="feed-inverts-the-side",
    family="mix-up",
    incident="`m` says that the buyer is the maker; one of two places in the code reads it the other way round.",
    service="feed",
    part="publisher",
    wrap=_wrap,
    kills=("Pipeline.Every Trade Arrives.Every Symbol Keeps Its Order And Its Partition",),
    says=r"side should be",
)
