"""The sum of price times size is cut to four digits."""

import dataclasses

from tickerplant.api.bars import Bar, Bars
from tickerplant.api.store import SymbolTrades
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect

KEPT = 10**32
"""Of 36 digits behind the point four are left."""


class _Rounded(Wrapped[Bars]):
    def make(self, trades: SymbolTrades, width: int) -> list[Bar]:
        return [self._rounded(bar) for bar in self.part.make(trades, width)]

    def _rounded(self, bar: Bar) -> Bar:
        coarse = bar.quote_volume // KEPT * KEPT
        if coarse == bar.quote_volume:
            return bar
        self.reached()
        return dataclasses.replace(bar, quote_volume=coarse)


DEFECT = Defect(
    id="api-rounds-quote-volumes",
    family="bars",
    incident="A product has more digits than its factors, and a column of the same type as theirs.",
    service="api",
    part="bars",
    wrap=_Rounded,
    kills=("Pipeline.Bars Follow From Trades.Bars Of Every Interval Equal The Trades",),
    says=r"quote_volume should be",
)
