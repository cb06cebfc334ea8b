"""The mean price of a day is weighted by trades, not by their sizes."""

import dataclasses

from tickerplant.api.bars import Bar, Bars
from tickerplant.api.store import SymbolTrades
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect


class _Unweighted(Wrapped[Bars]):
    def day(self, trades: SymbolTrades) -> Bar | None:
        bar = self.part.day(trades)
        if bar is None or bar.trades < 2:
            return bar
        self.reached()
        prices = [trades.price.integer(row) for row in range(len(trades.times))]
        return dataclasses.replace(bar, quote_volume=sum(prices) // len(prices) * bar.volume)


DEFECT = Defect(
    id="api-weighs-by-count",
    family="bars",
    incident="VWAP is the mean of prices: close enough on any chart, and wrong in every execution report.",
    service="api",
    part="bars",
    wrap=_Unweighted,
    kills=("Pipeline.Bars Follow From Trades.The Daily Summary Equals The Trades",),
    says=r"vwap|quote_volume",
)
