"""Bars and summaries against a second way to compute them: fractions, one trade at a time."""

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from api_support import NOON, Api, Lake, make_api, rows, trade
from hypothesis import given, settings
from hypothesis import strategies as st

from tickerplant.api.answers import bar_row
from tickerplant.api.bars import Bar, Bars, Interval
from tickerplant.api.exact import decimal_text, wide
from tickerplant.api.store import EARLIEST, LATEST, SymbolTrades
from tickerplant.api.store.blocks import make_block

PRICES = st.decimals("0.000000000000000001", "99999999999999999999", places=18) | st.sampled_from(
    [Decimal("0.1"), Decimal("99999999999999999999.999999999999999999")]
)
TIMES = st.integers(NOON, NOON + 3) | st.integers(NOON - 10**9, NOON + 10**9) | st.integers(-(10**10), -1)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(TIMES, PRICES, PRICES), min_size=1, max_size=30), st.sampled_from(Interval))
def test_bars_are_what_fractions_say(drawn: list[tuple[int, Decimal, Decimal]], interval: Interval) -> None:
    trades = [trade("AAA", i, at, str(price), str(size)) for i, (at, price, size) in enumerate(drawn)]
    block = make_block(rows(trades))
    price, size = (wide(block.table.column(name)) for name in ("price", "quantity"))
    made = Bars().make(SymbolTrades(block.times, block.ids, price, size), interval.us)

    buckets: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for one in sorted(trades, key=lambda row: (row["event_time"], row["trade_id"])):
        buckets[one["event_time"] // interval.us * interval.us].append(one)
    assert [bar.start for bar in made] == sorted(buckets)
    for bar in made:
        among = buckets[bar.start]
        prices = [Fraction(one["price"]) for one in among]
        volume = sum(Fraction(one["quantity"]) for one in among)
        turnover = sum(Fraction(one["price"]) * Fraction(one["quantity"]) for one in among)
        assert [bar.open, bar.high, bar.low, bar.close, bar.volume] == [
            value * 10**18 for value in (prices[0], max(prices), min(prices), prices[-1], volume)
        ]
        assert bar.quote_volume == turnover * 10**36
        assert bar.vwap == round(turnover / volume * 10**18)
        assert bar.trades == len(among)


def test_a_bar_is_whole_and_pages_hold_each_once(lake: Lake, api: Api) -> None:
    minute = 60_000_000
    base = NOON // minute * minute
    lake.append(*[trade("AAA", i, base + i * 10_000_000, str(i + 1)) for i in range(30)])
    every = api.get("/v1/bars", symbol="AAA", interval="1m").json()["data"]
    assert [bar["trades"] for bar in every] == [6] * 5
    assert [bar["open"] for bar in every] == ["1", "7", "13", "19", "25"]
    ranged = api.get(
        "/v1/bars", symbol="AAA", interval="1m", start="2026-01-02T03:04:30Z", end="2026-01-02T03:06:30Z"
    )
    assert ranged.json()["data"] == every[1:3]
    found, cursor = [], {}
    for _ in range(4):
        answer = api.get("/v1/bars", symbol="AAA", interval="1m", limit=2, **cursor).json()
        found += answer["data"]
        lake.append(trade("AAA", 100 + len(found), base + 1))
        if answer["next_cursor"] is None:
            break
        cursor = {"cursor": answer["next_cursor"]}
        lake.expire()
    assert found == every


class Counting(Bars):
    """Counts the trades that bars are made of."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def make(self, trades: SymbolTrades, width: int) -> list[Bar]:
        self.rows.append(len(trades.times))
        return super().make(trades, width)


def counted(lake: Lake) -> tuple[Api, Counting]:
    bars = Counting()
    return make_api(lake, lambda parts: replace(parts, bars=bars)), bars


def every_bar(api: Api, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    following: dict[str, str] = {}
    while True:
        answer = api.get("/v1/bars", **asked, **following).json()
        found += answer["data"]
        if answer["next_cursor"] is None:
            return found
        following = {"cursor": answer["next_cursor"]}


def test_a_page_of_bars_reads_little_more_than_its_own_trades(lake: Lake) -> None:
    second, day = 1_000_000, 86_400_000_000
    midnight = NOON // day * day
    for number in range(3):
        first = midnight + number * day + 3_600 * second
        lake.append(*[trade("AAA", number * 10_000 + i, first + i * second // 4) for i in range(4_000)])
    api, bars = counted(lake)
    page = api.get("/v1/bars", symbol="AAA", interval="1s", limit=10).json()["data"]
    assert [bar["trades"] for bar in page] == [4] * 10
    assert sum(bars.rows) == 44
    bars.rows.clear()
    every = every_bar(api, symbol="AAA", interval="1s", limit=100)
    assert len(every) == 3_000
    assert sum(bars.rows) <= 1.5 * 12_000
    bars.rows.clear()
    assert [bar["trades"] for bar in every_bar(api, symbol="AAA", interval="1d", limit=1)] == [4_000] * 3
    assert max(bars.rows) == 4_000  # never more than a day at once
    assert sum(bars.rows) <= 2 * 12_000


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_pages_of_bars_are_the_bars_of_all_trades_at_once(data: st.DataObject) -> None:
    day = 86_400_000_000
    days = st.integers(-2, 40).map(lambda number: number * day)
    moments = data.draw(
        st.lists(
            st.builds(int.__add__, days, st.integers(0, 4_000_000) | st.integers(0, day - 1)), max_size=12
        )
    )
    interval = data.draw(st.sampled_from(Interval))
    limit = data.draw(st.integers(1, 5))
    with TemporaryDirectory() as folder:
        lake = Lake(Path(folder))
        lake.create()
        for half in (moments[::2], moments[1::2]):
            if half:
                lake.append(*[trade("AAA", at % 10**9, at) for at in half], trade("BBB", 1, day))
        api = make_api(lake)
        store = api.parts.store
        trades = store.of_symbol(store.newest(), "AAA", EARLIEST, LATEST)
        wanted = [bar_row(bar) for bar in Bars().make(trades, interval.us)]
        assert every_bar(api, symbol="AAA", interval=interval.value, limit=limit) == wanted


def test_a_day_is_summed_up_in_utc(lake: Lake, api: Api) -> None:
    lake.append(
        trade("AAA", 1, NOON, "0.3", "1"),
        trade("AAA", 2, NOON + 1, "0.1", "2"),
        trade("AAA", 3, NOON + 86_400_000_000, "9", "9"),
        trade("BBB", 1, NOON, "9", "9"),
    )
    body = api.get("/v1/summary/AAA/2026-01-02").json()
    assert body | {"snapshot": None} == {
        "symbol": "AAA",
        "date": "2026-01-02",
        "open": "0.3",
        "high": "0.3",
        "low": "0.1",
        "close": "0.1",
        "volume": "3",
        "quote_volume": "0.5",
        "vwap": "0.166666666666666667",
        "trades": 2,
        "snapshot": None,
    }
    assert api.get("/v1/summary/AAA/2026-01-01").status == 404
    assert api.get("/v1/summary/CCC/2026-01-02").status == 404


def test_sums_beyond_38_digits_are_exact(lake: Lake, api: Api) -> None:
    most = "99999999999999999999.999999999999999999"
    lake.append(*[trade("AAA", i, NOON + i, most, most) for i in range(100)])
    body = api.get("/v1/summary/AAA/2026-01-02").json()
    assert body["volume"] == "9999999999999999999999.9999999999999999"
    assert body["vwap"] == most
    assert body["quote_volume"] == decimal_text(100 * (10**38 - 1) ** 2, 36)


def test_a_day_without_volume_has_no_mean_price(lake: Lake) -> None:
    lake.append(trade("AAA", 1, NOON, "1", "0"))
    assert make_api(lake).get("/v1/summary/AAA/2026-01-02").json()["vwap"] is None


@pytest.mark.parametrize(
    ("word", "seconds"), [("1s", 1), ("5s", 5), ("1m", 60), ("15m", 900), ("1h", 3600), ("1d", 86400)]
)
def test_intervals_are_as_long_as_they_say(word: str, seconds: int) -> None:
    assert Interval(word).us == seconds * 1_000_000
