"""Plans: same seed, same bytes; ids without a hole; inside the domain; sentinels behind everything."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages.approved import approve
from plan.domains import Domain, leased
from tickproof.exchange import plan, symbols
from tickproof.exchange.actions import Drop, Skip, Swap
from tickproof.exchange.client import LeasedSymbol
from tickproof.exchange.plan import Plan, draw

MINUTE = 60_000_000_000
DAY = 24 * 60 * MINUTE


def columns(drawn: Plan) -> dict[str, np.ndarray]:
    return {name: drawn.table[name].to_numpy() for name in drawn.table.column_names}


def trades_of(drawn: Plan) -> pa.Table:
    return drawn.table.filter(pc.equal(drawn.table["kind"], "trade"))


def packed(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


@pytest.mark.parametrize("values", ["usual", "edge"])
def test_same_seed_same_bytes(twenty: list[LeasedSymbol], values: str) -> None:
    drawn = [
        draw(Domain(), twenty, trades=2000, per_second=1000, seed=seed, values=values, late_share=0.1)
        for seed in (5, 5, 6)
    ]
    assert packed(drawn[0].table) == packed(drawn[1].table)
    assert packed(drawn[0].table) != packed(drawn[2].table)


def test_whenever_it_begins_the_same_steps(twenty: list[LeasedSymbol]) -> None:
    begins = plan.LONG_AGO_NS + np.array([0, 123, 987_654_321])
    told = [
        columns(
            draw(Domain(), twenty, trades=2000, per_second=777, seed=5, late_share=0.1, begins_ns=int(begun))
        )
        for begun in begins
    ]
    steps = [rows["event_time_ns"][:2000] - rows["event_time_ns"][0] for rows in told]
    published = [(rows["venue_time_ns"] - rows["event_time_ns"])[:2000] for rows in told]
    assert (steps[0] == steps[1]).all()
    assert (steps[0] == steps[2]).all()
    assert (published[0] == published[2]).all()


def test_ids_go_on_from_the_lease_without_a_hole(twenty: list[LeasedSymbol]) -> None:
    drawn = draw(Domain(), twenty, trades=1000, per_second=None, seed=1)
    drawn.table.validate(full=True)
    for lease in twenty:
        ids = drawn.table.filter(pc.equal(drawn.table["symbol"], lease.symbol))["trade_id"].to_pylist()
        assert ids == list(range(lease.next_id, lease.next_id + len(ids)))


def test_sentinels_come_last_and_in_a_later_minute(twenty: list[LeasedSymbol]) -> None:
    drawn = draw(Domain(), twenty, trades=1000, per_second=500, seed=1, late_share=0.2)
    rows = columns(drawn)
    assert list(rows["kind"]) == ["trade"] * 1000 + ["sentinel"] * 20
    assert set(rows["symbol"][1000:]) == {lease.symbol for lease in twenty}
    last = rows["event_time_ns"][:1000].max()
    assert (rows["event_time_ns"][1000:] >= last + MINUTE).all()
    assert (rows["event_time_ns"][1000:] % MINUTE == 0).all()
    assert draw(Domain(), twenty, trades=10, per_second=None, seed=1, sentinels=False).table.num_rows == 10


def test_the_pace_is_even_and_open_loop(twenty: list[LeasedSymbol]) -> None:
    rows = columns(draw(Domain(), twenty, trades=1000, per_second=400, seed=1))
    assert (rows["send_offset_ns"] == np.arange(1020) * 2_500_000).all()
    at_once = columns(draw(Domain(), twenty, trades=1000, per_second=None, seed=1))
    assert not at_once["send_offset_ns"].any()


def test_every_symbol_has_a_trade_and_a_hot_one_its_share(twenty: list[LeasedSymbol]) -> None:
    hot = twenty[3].symbol
    drawn = draw(Domain(), twenty, trades=10_000, per_second=None, seed=1, weights={hot: 0.99})
    counts = dict(zip(*np.unique(trades_of(drawn)["symbol"].to_numpy(), return_counts=True), strict=True))
    assert len(counts) == 20
    assert 9_800 <= counts[hot] <= 9_950
    named = {lease.symbol: 0.05 for lease in twenty}
    assert draw(Domain(), twenty, trades=100, per_second=None, seed=1, weights=named).table.num_rows == 120


def test_usual_prices_walk_in_steps_of_the_symbol() -> None:
    drawn = draw(Domain(), leased("BTCUSDT", "PEPEUSDT", "BTCIDRT"), trades=3000, per_second=None, seed=1)
    for name in ("BTCUSDT", "PEPEUSDT", "BTCIDRT"):
        one = symbols.get(name)
        mine = drawn.table.filter(pc.equal(drawn.table["symbol"], name))
        texts = mine["price_text"].to_pylist()
        prices = [Decimal(text) for text in texts]
        step = Decimal(1).scaleb(-one.price_decimals)
        assert prices[0] == Decimal(one.price)
        assert all(len(text.partition(".")[2]) == 8 for text in texts)
        assert all(abs(b - a) <= 3 * step for a, b in pairwise(prices))
        assert all(price % step == 0 < price for price in prices)
        lots = Decimal(1).scaleb(-one.quantity_decimals)
        assert all(Decimal(text) % lots == 0 < Decimal(text) for text in mine["quantity_text"].to_pylist())


def test_edge_values_are_all_there(twenty: list[LeasedSymbol]) -> None:
    drawn = draw(Domain(), twenty, trades=200, per_second=None, seed=1, values="edge")
    for column in ("price_text", "quantity_text"):
        texts = set(drawn.table[column].to_pylist())
        assert {"0.000000000000000001", "0.00000001", "9" * 18 + "." + "9" * 18, "9" * 18} <= texts
        decimals = {len(text.partition(".")[2]) for text in texts}
        assert {0, 8, 18} <= decimals
        assert any(text.endswith("000000000") and "." in text for text in texts)
    assert {True, False} == set(drawn.table["buyer_is_maker"].to_pylist())


@pytest.mark.parametrize(("unit", "grain"), [("ms", 1_000_000), ("us", 1_000)])
def test_times_have_the_grain_of_the_unit_and_differ(
    twenty: list[LeasedSymbol], unit: str, grain: int
) -> None:
    rows = columns(draw(Domain(), twenty, trades=5000, per_second=7777, seed=1, time_unit=unit))
    for column in ("event_time_ns", "venue_time_ns"):
        assert (rows[column] % grain == 0).all()
    gap = rows["venue_time_ns"] - rows["event_time_ns"]
    assert gap.min() > 0
    assert gap.max() <= 3_000_000
    if unit == "us":
        assert (rows["event_time_ns"] % 1_000_000 != 0).any()


def test_late_trades_reach_back_into_earlier_days(twenty: list[LeasedSymbol]) -> None:
    begins = 1_780_000_000_000_000_000
    drawn = draw(Domain(), twenty, trades=2000, per_second=1000, seed=1, late_share=0.25, begins_ns=begins)
    rows = columns(drawn)
    due = begins + rows["send_offset_ns"][:2000]
    back = due - rows["event_time_ns"][:2000]
    late = back >= 1_000_000_000
    assert late.sum() == 500
    assert (back[late] < 600_000_000_000).sum() > 150
    assert (back[late] >= DAY).sum() > 150
    assert back.max() < 3 * DAY + 1_000_000
    assert (np.abs(rows["venue_time_ns"][:2000] - due) <= 3_001_000).all()
    one = draw(Domain(), twenty, trades=50, per_second=None, seed=1, late_share=0.001)
    assert (np.diff(trades_of(one)["event_time_ns"].to_numpy()) < 0).any()


@settings(max_examples=60, deadline=None)
@given(
    price_scale=st.integers(0, 18),
    quantity_scale=st.integers(0, 18),
    digits=st.integers(1, 20),
    values=st.sampled_from(["usual", "edge"]),
    seed=st.integers(0, 2**31),
)
def test_no_plan_leaves_its_domain(
    price_scale: int, quantity_scale: int, digits: int, values: str, seed: int
) -> None:
    domain = Domain(price_scale, quantity_scale, digits)
    drawn = draw(domain, leased("BTCIDRT", "PEPEETH"), trades=60, per_second=None, seed=seed, values=values)
    for column, scale in (("price_text", price_scale), ("quantity_text", quantity_scale)):
        for text in drawn.table[column].to_pylist():
            whole, _, fraction = text.partition(".")
            assert len(whole) <= digits
            assert len(fraction) <= scale
            assert whole == str(int(whole))
            assert Decimal(text) > 0


def test_two_million_rows() -> None:
    many = leased(*list(symbols.catalogue())[:200])
    drawn = draw(Domain(), many, trades=2_000_000, per_second=20_000, seed=1, late_share=0.01)
    assert drawn.table.num_rows == 2_000_200


def test_where_a_symbol_stands_and_what_goes_wrong_there(twenty: list[LeasedSymbol]) -> None:
    drawn = draw(Domain(), twenty, trades=1000, per_second=None, seed=1, actions=[Drop(at=3)])
    name = twenty[4].symbol
    row = plan.row_of(drawn, name, share=0.5)
    mine = np.flatnonzero(trades_of(drawn)["symbol"].to_numpy() == name)
    assert row == mine[len(mine) // 2]
    assert plan.row_of(drawn, name, share=1) == mine[-1]
    worse = plan.disturbed(drawn, [Skip(at=row)])
    assert worse.actions == (Drop(at=3), Skip(at=row))
    assert worse.table is drawn.table
    with pytest.raises(ValueError, match="no trade of NOTHING"):
        plan.row_of(drawn, "NOTHING", share=0.5)


def test_plans_that_make_no_sense_are_refused_with_a_sentence() -> None:
    two = leased("BTCUSDT", "ETHBTC")
    usual = {"domain": Domain(), "leases": two, "trades": 10, "per_second": 10, "seed": 1}
    sentences = []
    for wrong in [
        {"trades": 0},
        {"trades": -5},
        {"leases": []},
        {"leases": leased("BTCUSDT", "BTCUSDT")},
        {"leases": leased("BTCUSDX")},
        {"per_second": 0},
        {"per_second": -100},
        {"per_second": 50_001},
        {"late_share": 1.5},
        {"weights": {"BNBBTC": 0.5}},
        {"weights": {"BTCUSDT": 1.5}},
        {"weights": {"BTCUSDT": 0.8, "ETHBTC": 0.8}},
        {"weights": {"BTCUSDT": 0, "ETHBTC": 0}},
        {"actions": [Drop(at=10)]},
        {"actions": [Skip(at=8, count=3)]},
        {"actions": [Swap(at=9)]},
    ]:
        with pytest.raises(ValueError, match=r"\.$") as refused:
            draw(**usual | wrong)  # type: ignore[arg-type]
        sentences.append(str(refused.value))
    approve("plan-refusals", "\n".join(sentences))


def test_a_narrow_domain_bounds_the_walk() -> None:
    narrow = replace(Domain(), price_scale=2, integer_digits=3)
    prices = draw(narrow, leased("BTCUSDT"), trades=50, per_second=None, seed=1).table["price_text"]
    assert set(prices.to_pylist()) == {"999.99"}
