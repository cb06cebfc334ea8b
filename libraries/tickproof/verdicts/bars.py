"""Bars and daily summaries: computed from what was sent, compared with what was served, to the last digit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from itertools import groupby

import pyarrow as pa

from tickproof.verdicts.findings import Void

INTERVALS = {"1s": 1, "5s": 5, "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "1d": 86400}
"""Seconds of each bar interval; bars begin at whole multiples of it since the Unix epoch."""

_EXACT = Context(prec=200, rounding=ROUND_HALF_EVEN)
_VWAP_DIGITS = Decimal(1).scaleb(-18)


@dataclass(frozen=True, slots=True)
class Bar:
    """What happened to one symbol in one slice of time.

    `open` and `close` are the prices of the first and last trade by (event time, trade id). `quote_volume` is
    sum(price x quantity), exactly; `vwap` is that by sum(quantity), rounded half to even at 18 digits behind the point.
    """

    symbol: str
    start_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int
    vwap: Decimal


def bars(trades: pa.Table, interval: str) -> list[Bar]:
    """Compute bars from trades.

    Args:
        trades: Rows of `ledger.schemas.TRADE` (more columns do not matter), each trade once.
        interval: A key of `INTERVALS`.

    Returns:
        Bars by symbol and time; slices without a trade have none.
    """
    width = INTERVALS[interval] * 1_000_000_000
    columns = [trades["symbol"], trades["event_time"].cast(pa.int64()), trades["trade_id"]]
    columns += [trades["price"], trades["quantity"]]
    rows = sorted(zip(*(column.to_pylist() for column in columns), strict=True))
    slices = groupby(rows, key=lambda row: (row[0], row[1] // width))
    return [_bar(symbol, number * width, list(group)) for (symbol, number), group in slices]


def _bar(symbol: str, start_ns: int, rows: Sequence[tuple[str, int, int, Decimal, Decimal]]) -> Bar:
    prices = [row[3] for row in rows]
    volume = turnover = Decimal(0)
    for _, _, _, price, quantity in rows:
        volume = _EXACT.add(volume, quantity)
        turnover = _EXACT.add(turnover, _EXACT.multiply(price, quantity))
    vwap = _EXACT.quantize(_EXACT.divide(turnover, volume), _VWAP_DIGITS) if volume else Decimal(0)
    return Bar(
        symbol=symbol,
        start_ns=start_ns,
        open=prices[0],
        high=max(prices),
        low=min(prices),
        close=prices[-1],
        volume=volume,
        quote_volume=turnover,
        trades=len(rows),
        vwap=vwap,
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """One value of one bar that is not as the trades say."""

    symbol: str
    start_ns: int
    field: str
    expected: str
    got: str


@dataclass(frozen=True, slots=True)
class BarsVerdict:
    """How the served bars compare with those computed from what was sent."""

    what: str
    compared: int
    differences: tuple[Difference, ...]

    def fail_if_any(self) -> None:
        """Raise what the verdict means.

        Raises:
            AssertionError: A bar differs, is missing, or should not be there.
            Void: There was nothing to compare.
        """
        if not self.compared:
            raise Void(f"no trade was sent, so there are no {self.what} to compare.")
        if not self.differences:
            return
        first = self.differences[0]
        start = datetime.fromtimestamp(first.start_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        raise AssertionError(
            f"{self.compared:,} values of {self.what} should follow exactly from the trades, "
            f"but {len(self.differences):,} {'does' if len(self.differences) == 1 else 'do'} not.\n"
            f"First: {first.symbol} from {start} UTC, "
            f"{first.field} should be {first.expected}, but {first.got} was served."
        )


def compare_bars(
    expected: Iterable[Bar],
    served: Mapping[tuple[str, int], Mapping[str, str | None]],
    *,
    what: str,
    fields: Sequence[str],
) -> BarsVerdict:
    """Compare bars field by field, as exact numbers.

    Args:
        expected: Computed from what was sent.
        served: What the platform serves, as texts, by symbol and start of the bar in ns; None where a field is
            missing.
        what: What is compared, for the message.
        fields: Names of `Bar` that are served.
    """
    wanted = {(bar.symbol, bar.start_ns): bar for bar in expected}
    differences = []
    for (symbol, start_ns), bar in wanted.items():
        got = served.get((symbol, start_ns))
        if got is None:
            differences.append(
                Difference(symbol, start_ns, "the bar", f"there ({bar.trades} trades)", "none")
            )
            continue
        for name in fields:
            value, text = Decimal(getattr(bar, name)), got.get(name)
            if _number(text) != value:
                differences.append(Difference(symbol, start_ns, name, _plain(value), text or "nothing"))
    differences += [
        Difference(symbol, start_ns, "the bar", "absent (no trade)", "a bar")
        for symbol, start_ns in served
        if (symbol, start_ns) not in wanted
    ]
    return BarsVerdict(what, len(wanted) * len(fields), tuple(differences))


def _number(text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        return None


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
