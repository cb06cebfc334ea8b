"""Whatever small ledger one can think of: the judge says what a slow judge says, in batches of any size."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_judge import slow_judge
from tickproof.ledger import SEEN, SENT, as_table
from tickproof.verdicts import TEXT, Guarantee, Kind, judge
from tickproof.verdicts.judge import CONTENT, TimeUnit

SYMBOLS = st.sampled_from(["ETHBTC", "BTCUSDT", "1000SATSUSDT"])
IDS = st.sampled_from([-(2**63), -1, 0, 1, 2, 3, 4, 5, 9, 1000, 2**62, 2**63 - 1])
PRICES = st.sampled_from(
    [Decimal("1E-18"), Decimal("2E-18"), Decimal(1), Decimal("99999999999999999999.1"), None]
)
TIMES = st.sampled_from([0, 1, 999, 1_000, 1_001_999, -1, 1_760_000_000_123_456_789, None])
SIDES = st.sampled_from(["buy", "sell", None])
TEXTS = st.sampled_from(["1.0", "1.00", None])
UNITS: dict[TimeUnit, int] = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}

TRADES = {
    "symbol": SYMBOLS,
    "trade_id": IDS,
    "price": PRICES,
    "quantity": PRICES,
    "event_time": TIMES,
    "side": SIDES,
    "price_text": TEXTS,
    "quantity_text": TEXTS,
}
SENT_ROWS = st.lists(
    st.fixed_dictionaries(
        {**TRADES, "expect": st.sampled_from(["stored", "stored", "stored", "absent", "quarantined"])}
    ),
    max_size=25,
    unique_by=lambda row: (row["symbol"], row["trade_id"], row["expect"] == "stored"),
)
SEEN_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            **TRADES,
            "symbol": st.one_of(SYMBOLS, st.sampled_from(["UNHEARD", None])),
            "trade_id": st.one_of(IDS, st.just(None)),
            "side": st.sampled_from(["buy", "sell", "SELL", "", None]),
            "source": st.sampled_from(["live", "live", "rest", None]),
            "lane": st.sampled_from([0, 0, 0, 7]),
            "like": st.booleans(),
        }
    ),
    max_size=40,
)


def table(schema: pa.Schema, rows: list[dict[str, Any]]) -> pa.Table:
    names = [name for name in schema.names if rows and name in rows[0]]
    columns = {name: pa.array([row[name] for row in rows], _raw(schema.field(name).type)) for name in names}
    return as_table(schema, columns)


def assert_both_agree(
    sent: pa.Table, seen: pa.Table, rows_a_batch: int, fields: tuple[str, ...], unit: TimeUnit = "ns"
) -> None:
    counts, named = slow_judge(sent, seen, fields, UNITS[unit])
    verdict = judge(
        sent,
        iter(seen.to_batches(max_chunksize=rows_a_batch)),
        hop="kafka",
        guarantee=Guarantee.EXACTLY_ONCE,
        order=True,
        lanes=True,
        fields=fields,
        event_time_unit=unit,
        max_named=10_000,
    )
    assert {kind: verdict.count(kind) for kind in Kind} == counts
    assert {(one.kind, one.symbol, one.trade_id, one.field) for one in verdict.anomalies} == named
    assert verdict.seen == verdict.sent - verdict.lost + verdict.duplicated + verdict.phantom


def _raw(kind: pa.DataType) -> pa.DataType:
    return pa.int64() if pa.types.is_timestamp(kind) else kind


@settings(max_examples=400, deadline=None)
@given(
    SENT_ROWS,
    SEEN_ROWS,
    st.randoms(use_true_random=False),
    st.sampled_from([1, 2, 7, 100]),
    st.sampled_from(list(UNITS)),
    st.sampled_from([CONTENT, CONTENT + TEXT, ("price",)]),
    st.booleans(),
)
def test_any_ledger_is_judged_as_a_slow_judge_does(  # noqa: PLR0917 - drawn by hypothesis
    sent_rows: list[dict[str, Any]],
    seen_rows: list[dict[str, Any]],
    random: Any,
    rows_a_batch: int,
    unit: TimeUnit,
    fields: tuple[str, ...],
    encoded: bool,  # noqa: FBT001 - same
) -> None:
    for row in seen_rows:
        if row.pop("like") and sent_rows:  # most rows look like one that was sent
            twin = random.choice(sent_rows)
            row.update({name: twin[name] for name in TRADES if random.random() < 0.9})
    offsets = random.sample(range(100), len(seen_rows))
    seen_rows = [{**row, "offset": offset} for row, offset in zip(seen_rows, offsets, strict=True)]
    sent, seen = table(SENT, sent_rows), table(SEEN, seen_rows)
    if encoded:
        for name in ("symbol", "side", "source"):
            seen = seen.set_column(seen.schema.get_field_index(name), name, seen[name].dictionary_encode())
        sent = sent.set_column(0, "symbol", sent["symbol"].dictionary_encode())
    assert_both_agree(sent, seen, rows_a_batch, fields, unit)


ONE_SYMBOL = st.lists(
    st.tuples(
        st.integers(1, 5), st.sampled_from([0, 0, 1]), st.sampled_from(["live", "live", "live", "rest"])
    ),
    max_size=12,
)


@settings(max_examples=400, deadline=None)
@given(st.permutations(range(1, 6)), ONE_SYMBOL, st.permutations(range(12)), st.sampled_from([1, 2, 5, 100]))
def test_one_symbol_in_two_lanes_is_judged_as_a_slow_judge_does(
    ids: list[int], shown: list[tuple[int, int, str]], offsets: list[int], rows_a_batch: int
) -> None:
    plan = [{"symbol": "ETHBTC", "trade_id": number, "expect": "stored"} for number in ids]
    rows = [
        {"symbol": "ETHBTC", "trade_id": number, "lane": lane, "source": source, "offset": offset}
        for (number, lane, source), offset in zip(shown, offsets, strict=False)
    ]
    assert_both_agree(table(SENT, plan), table(SEEN, rows), rows_a_batch, ())


def test_an_id_of_another_symbol_is_a_phantom() -> None:
    ids = {"ETHBTC": [-5, 1, 2, 3], "BTCUSDT": [5, 8]}
    plan = [
        {"symbol": name, "trade_id": one, "expect": "stored"} for name, some in ids.items() for one in some
    ]
    shown = [
        {"symbol": name, "trade_id": one, "lane": 0, "offset": one} for name in ids for one in range(-9, 9)
    ]
    assert_both_agree(table(SENT, plan), table(SEEN, shown), 100, ())


def test_what_stands_behind_a_null_does_not_count() -> None:
    row = {"symbol": "ETHBTC", "trade_id": 1, "expect": "stored", "lane": 0, "offset": 0}
    plan, shown = table(SENT, [row]), table(SEEN, [row])
    behind = pa.Array.from_buffers(
        shown["price"].type, 1, [pa.py_buffer(b"\0"), pa.py_buffer(b"garbage" + b"\0" * 9)]
    )
    assert behind.null_count == 1
    shown = shown.set_column(shown.schema.get_field_index("price"), "price", behind)
    assert_both_agree(plan, shown, 1, ("price",))
    assert_both_agree(table(SENT, [row | {"price": Decimal(1)}]), shown, 1, ("price",))


def test_a_trade_sent_twice_with_different_values_is_no_ledger() -> None:
    row = {"symbol": "ETHBTC", "trade_id": 7, "price": Decimal(1), "quantity": Decimal(1), "event_time": 0}
    rows = [{**row, "side": side, "expect": "stored"} for side in ("buy", "buy", "sell")]
    same = judge(table(SENT, rows[:2]), table(SEEN, []), hop="lake", guarantee=Guarantee.EXACTLY_ONCE)
    assert (same.sent, same.lost) == (1, 1)
    more = [{**rows[0], "trade_id": 9, "source": "live", "lane": 0, "offset": 0}]
    holed = judge(
        table(SENT, rows[:2] + more), table(SEEN, more), hop="lake", guarantee=Guarantee.EXACTLY_ONCE
    )
    assert (holed.sent, holed.lost) == (2, 1)
    with pytest.raises(ValueError, match="holds ETHBTC 7 twice with different values"):
        judge(table(SENT, rows), table(SEEN, []), hop="lake", guarantee=Guarantee.EXACTLY_ONCE)
