"""Volumes of days are whole numbers."""

import dataclasses

from tickerplant.api.bars import Bar, Bars
from tickerplant.api.store import SymbolTrades
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect

ONE = 10**18
LARGE = ONE


class _Whole(Wrapped[Bars]):
    def day(self, trades: SymbolTrades) -> Bar | None:
        bar = self.part.day(trades)
        if bar is None or bar.volume < LARGE or bar.volume % ONE == 0:
            return bar
        self.reached()
        return dataclasses.replace(bar, volume=bar.volume // ONE * ONE)


DEFECT = Defect(
    id="api-bar-volume-as-integer",
    family="bars",
    incident="A column of shares is reused for coins: fractions vanish, and nobody sees it on a chart.",
    service="api",
    part="bars",
    wrap=_Whole,
    kills=("Pipeline.Bars Follow From Trades.The Daily Summary Equals The Trades",),
    says=r"volume",
)
