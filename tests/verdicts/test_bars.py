"""Bars and summaries beside a slow computation with fractions, and each way in which a served bar can be wrong."""

from collections import defaultdict
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from messages.approved import approve
from tickproof.ledger import SENT
from tickproof.verdicts import Void
from tickproof.verdicts.bars import INTERVALS, Bar, bars, compare_bars
from verdicts.small import NOON, table

FIELDS = ("open", "high", "low", "close", "volume", "quote_volume", "trades", "vwap")
DAY = 86_400_000_000_000

decimals = st.decimals(min_value=0, max_value=10**18, places=18, allow_nan=False, allow_infinity=False)
positive = st.one_of(decimals.filter(bool), st.just(Decimal(1).scaleb(-18)), st.just(Decimal(10**18)))
trades = st.lists(
    st.fixed_dictionaries(
        {
            "symbol": st.sampled_from(["ETHBTC", "1000SATSUSDT", "BNBEUR"]),
            "trade_id": st.integers(0, 2**62),
            "price": positive,
            "quantity": positive,
            "event_time": st.one_of(
                st.integers(NOON - 3 * DAY, NOON + DAY),
                st.integers(NOON - 2_000_000_000, NOON + 2_000_000_000),
                st.sampled_from([NOON, NOON - 1, NOON + 1, NOON - NOON % DAY, NOON - NOON % DAY - 1]),
            ),
        }
    ),
    max_size=60,
    unique_by=lambda trade: (trade["symbol"], trade["trade_id"]),
)


def slow_bars(rows: list[dict[str, Any]], seconds: int) -> dict[tuple[str, int], dict[str, Any]]:
    """Works with fractions only, one trade at a time."""
    slices: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        start = row["event_time"] - row["event_time"] % (seconds * 10**9)
        slices[row["symbol"], start].append(row)
    found = {}
    for key, group in slices.items():
        first = min(group, key=lambda row: (row["event_time"], row["trade_id"]))
        last = max(group, key=lambda row: (row["event_time"], row["trade_id"]))
        volume = sum((Fraction(row["quantity"]) for row in group), Fraction(0))
        turnover = sum((Fraction(row["price"]) * Fraction(row["quantity"]) for row in group), Fraction(0))
        found[key] = {
            "open": Fraction(first["price"]),
            "high": max(Fraction(row["price"]) for row in group),
            "low": min(Fraction(row["price"]) for row in group),
            "close": Fraction(last["price"]),
            "volume": volume,
            "quote_volume": turnover,
            "trades": len(group),
            "vwap": Fraction(round(turnover / volume * 10**18), 10**18),  # Python rounds half to even
        }
    return found


@given(rows=trades, interval=st.sampled_from(list(INTERVALS)))
def test_bars_equal_a_slow_computation_with_fractions(rows: list[dict[str, Any]], interval: str) -> None:
    expected = slow_bars(rows, INTERVALS[interval])
    found = bars(table(SENT, rows), interval)
    assert [(bar.symbol, bar.start_ns) for bar in found] == sorted(expected)
    for bar in found:
        for field in FIELDS:
            assert Fraction(getattr(bar, field)) == expected[bar.symbol, bar.start_ns][field], field


@given(rows=trades.filter(bool), data=st.data())
def test_no_changed_digit_gets_through(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    expected = bars(table(SENT, rows), "1m")
    served = served_as(expected)
    assert not compare_bars(expected, served, what="bars", fields=FIELDS).differences
    key = data.draw(st.sampled_from(sorted(served)))
    field = data.draw(st.sampled_from(FIELDS))
    with localcontext(prec=200):
        served[key][field] = f"{Decimal(served[key][field]) + Decimal(1).scaleb(-18):f}"
    (difference,) = compare_bars(expected, served, what="bars", fields=FIELDS).differences
    assert (difference.symbol, difference.start_ns, difference.field) == (*key, field)


def served_as(expected: list[Bar]) -> dict[tuple[str, int], dict[str, str]]:
    return {
        (bar.symbol, bar.start_ns): {field: f"{getattr(bar, field):f}" for field in FIELDS[:-2]}
        | {"trades": str(bar.trades), "vwap": f"{bar.vwap:f}"}
        for bar in expected
    }


@pytest.fixture
def one() -> list[Bar]:
    rows = [
        {"symbol": "ETHBTC", "trade_id": n, "price": Decimal(price), "quantity": Decimal("0.5"),
         "event_time": NOON + n * 10**9}
        for n, price in enumerate(["0.0312", "0.0320", "0.0311", "0.0314"])
    ]  # fmt: skip
    return bars(table(SENT, rows), "1m")


def test_open_and_close_follow_time_and_then_id() -> None:
    rows = [
        {"symbol": "A", "trade_id": trade_id, "price": Decimal(price), "quantity": Decimal(1), "event_time": NOON}
        for trade_id, price in [(9, 3), (7, 1), (8, 2)]
    ]  # fmt: skip
    (bar,) = bars(table(SENT, rows), "1s")
    assert (bar.open, bar.close) == (1, 3)


def test_a_bar_without_volume_has_no_mean_price() -> None:
    row = {"symbol": "A", "trade_id": 1, "price": Decimal(3), "quantity": Decimal(0), "event_time": NOON}
    (bar,) = bars(table(SENT, [row]), "1d")
    assert (bar.volume, bar.vwap) == (0, 0)


def test_more_digits_and_zeros_are_the_same_number(one: list[Bar]) -> None:
    served = served_as(one)
    served["ETHBTC", NOON]["open"] = "3.1200E-2"
    compare_bars(one, served, what="bars", fields=FIELDS).fail_if_any()


@pytest.mark.parametrize("text", ["0.0321", "NaN", "Infinity", "", "many", None])
def test_what_is_not_the_number_differs(one: list[Bar], text: str | None) -> None:
    served: dict[tuple[str, int], dict[str, str | None]] = {**served_as(one)}  # type: ignore[dict-item]
    served["ETHBTC", NOON]["high"] = text
    verdict = compare_bars(one, served, what="bars", fields=FIELDS)
    assert [(each.field, each.got) for each in verdict.differences] == [("high", text or "nothing")]


def test_sentences(one: list[Bar]) -> None:
    served = served_as(one)
    wrong = {**served, ("ETHBTC", NOON): {**served["ETHBTC", NOON], "close": "0.0311"}}
    cases = {
        "a changed close": wrong,
        "a bar that is missing": {},
        "a bar too many": {**served, ("ETHBTC", NOON + 60 * 10**9): served["ETHBTC", NOON]},
    }
    told = []
    for title, answer in cases.items():
        with pytest.raises(AssertionError) as failure:
            compare_bars(one, answer, what="1m bars", fields=FIELDS).fail_if_any()
        told.append(f"{title}:\n{failure.value}\n")
    with pytest.raises(Void) as void:
        compare_bars(bars(SENT.empty_table(), "1m"), {}, what="1m bars", fields=FIELDS).fail_if_any()
    approve("bars", "\n".join([*told, f"nothing sent:\n{void.value}"]))


def test_a_bar_too_many_is_found_though_nothing_is_missing(one: list[Bar]) -> None:
    served = {**served_as(one), ("BNBEUR", NOON): {}}
    verdict = compare_bars(one, served, what="bars", fields=FIELDS)
    assert [each.symbol for each in verdict.differences] == ["BNBEUR"]
