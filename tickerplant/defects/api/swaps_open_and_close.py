"""Open and close go by trade id, which is wrong for bars with a late trade."""

from dataclasses import replace

import numpy as np

from tickerplant.api.bars import Bar, Bars
from tickerplant.api.store import SymbolTrades
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect


class _ById(Wrapped[Bars]):
    def make(self, trades: SymbolTrades, width: int) -> list[Bar]:
        bars = self.part.make(trades, width)
        ends = np.cumsum([bar.trades for bar in bars])
        return [
            self._by_id(bar, trades, int(end) - bar.trades, int(end))
            for bar, end in zip(bars, ends, strict=True)
        ]

    def _by_id(self, bar: Bar, trades: SymbolTrades, first: int, end: int) -> Bar:
        ids = trades.ids[first:end]
        opened = trades.price.integer(first + int(ids.argmin()))
        closed = trades.price.integer(first + int(ids.argmax()))
        if (opened, closed) == (bar.open, bar.close):
            return bar
        self.reached()
        return replace(bar, open=opened, close=closed)


DEFECT = Defect(
    id="api-swaps-open-and-close",
    family="bars",
    incident="Bars trust the order of arrival: right on every quiet day.",
    service="api",
    part="bars",
    wrap=_ById,
    kills=("Pipeline.Bars Follow From Trades.Bars Of Every Interval Equal The Trades",),
    says=r"First: .*(open|close) should be",
)
