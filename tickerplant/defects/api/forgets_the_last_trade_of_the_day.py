"""A daily summary ends one trade too early."""

from tickerplant.api.bars import Bar, Bars
from tickerplant.api.store import SymbolTrades
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect


class _Early(Wrapped[Bars]):
    def day(self, trades: SymbolTrades) -> Bar | None:
        if len(trades.times) < 2:
            return self.part.day(trades)
        self.reached()
        but_one = slice(0, -1)
        return self.part.day(
            SymbolTrades(
                trades.times[but_one], trades.ids[but_one], trades.price[but_one], trades.quantity[but_one]
            )
        )


DEFECT = Defect(
    id="api-forgets-the-last-trade-of-the-day",
    family="bars",
    incident="The day's end is taken from the last trade, exclusive: every close is the one before.",
    service="api",
    part="bars",
    wrap=_Early,
    kills=("Pipeline.Bars Follow From Trades.The Daily Summary Equals The Trades",),
    says=r"values of daily summaries should follow exactly from the trades",
)
