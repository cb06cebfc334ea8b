"""Bars and daily summaries, computed from trades with exact decimals.

Open and close are the first and the last trade by (event_time, trade_id). Bars begin at whole multiples of
their width since 1970 in UTC; a bar without trades does not exist.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from tickerplant.api.exact import greatest, least, rounded_quotient, sums, sums_of_products
from tickerplant.api.store import SymbolTrades
from tickerplant.api.times import US_PER_DAY, US_PER_SECOND


class Interval(StrEnum):
    """How long a bar is."""

    S1 = "1s"
    S5 = "5s"
    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    H1 = "1h"
    D1 = "1d"

    @property
    def us(self) -> int:
        """Its length in microseconds."""
        unit = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}[self.value[-1]]
        return int(self.value[:-1]) * unit * US_PER_SECOND


@dataclass(frozen=True)
class Bar:
    """One bar; prices and sizes in units of 10^-18, `quote_volume` in units of 10^-36."""

    start: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    quote_volume: int
    trades: int

    @property
    def vwap(self) -> int | None:
        """Mean price weighted by size: the exact quotient, rounded half to even; None without volume."""
        return rounded_quotient(self.quote_volume, self.volume) if self.volume > 0 else None


class Bars:
    """Makes bars of trades."""

    def make(self, trades: SymbolTrades, width: int) -> list[Bar]:
        """Return the bars of one symbol's trades, given in order, by their starts.

        Args:
            trades: Trades by (event_time, trade_id).
            width: Length of a bar in microseconds.
        """
        if not len(trades.times):
            return []
        buckets = trades.times // width
        starts = np.append(0, np.flatnonzero(np.diff(buckets)) + 1)
        ends = np.append(starts[1:], len(buckets)) - 1
        columns = zip(
            (buckets[starts] * width).tolist(),
            [trades.price.integer(row) for row in starts.tolist()],
            greatest(trades.price, starts),
            least(trades.price, starts),
            [trades.price.integer(row) for row in ends.tolist()],
            sums(trades.quantity, starts),
            sums_of_products(trades.price, trades.quantity, starts),
            (ends - starts + 1).tolist(),
            strict=True,
        )
        return [Bar(*column) for column in columns]

    def day(self, trades: SymbolTrades) -> Bar | None:
        """Return the one bar of a day's trades; None when there are none."""
        bars = self.make(trades, US_PER_DAY)
        return bars[0] if bars else None
