"""What was planted is found, all of it and nothing else, in a thousand random ledgers of 1 to 50,000 rows."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from planting import Ledgers, draw_trades, plant
from slow_judge import slow_judge
from tickproof.ledger import SEEN, SENT, as_table
from tickproof.verdicts import Guarantee, HopVerdict, Kind, judge

PLANS = 1000
PARTS = 10
EVERYTHING = 10**9


def verdict_on(ledgers: Ledgers, seen: pa.Table | list[pa.RecordBatch]) -> HopVerdict:
    return judge(
        ledgers.sent,
        seen,
        hop="kafka",
        guarantee=Guarantee.EXACTLY_ONCE,
        order=True,
        lanes=True,
        max_named=EVERYTHING,
    )


def names_in(verdict: HopVerdict) -> set[tuple[Kind, str | None, int | None, str | None]]:
    return {(one.kind, one.symbol, one.trade_id, one.field) for one in verdict.anomalies}


@pytest.mark.parametrize("part", range(PARTS))
def test_every_planted_fault_is_found_and_nothing_else(part: int) -> None:
    for seed in range(part, PLANS, PARTS):
        ledgers = plant(seed)
        verdict = verdict_on(ledgers, ledgers.batches(np.random.default_rng(seed)))
        assert names_in(verdict) == ledgers.planted, f"seed {seed}"
        assert {kind: verdict.count(kind) for kind in ledgers.counts} == ledgers.counts, f"seed {seed}"
        assert verdict.split == 0, f"seed {seed}"
        assert verdict.seen == verdict.sent - verdict.lost + verdict.duplicated + verdict.phantom
        assert verdict.ok is not bool(ledgers.planted), f"seed {seed}"


@pytest.mark.parametrize("seed", range(60))
def test_a_slow_judge_agrees(seed: int) -> None:
    ledgers = plant(seed + PLANS, rows=1 + seed**2)
    verdict = verdict_on(ledgers, ledgers.seen)
    counts, named = slow_judge(ledgers.sent, ledgers.seen)
    assert {kind: verdict.count(kind) for kind in Kind} == counts
    assert names_in(verdict) == named


def test_a_reorder_window_of_a_thousand_across_lanes_gives_no_false_verdict() -> None:
    rng = np.random.default_rng(1)
    plan = draw_trades(rng, 200_000)
    lanes = plan.codes % 12
    sending = np.argsort(rng.permutation(plan.codes), kind="stable")
    offsets = np.empty(len(plan.codes), np.int64)
    offsets[np.lexsort((sending, lanes))] = np.arange(len(plan.codes))
    wire = np.argsort(sending)
    sent = as_table(SENT, plan.take(wire).columns() | {"expect": np.full(len(wire), "stored")})
    arrival = wire[np.argsort(np.arange(len(wire)) + rng.integers(0, 1_000, len(wire)), kind="stable")]
    place = {"lane": lanes[arrival], "offset": offsets[arrival], "source": np.full(len(wire), "live")}
    seen = as_table(SEEN, plan.take(arrival).columns() | place)
    verdict = verdict_on(Ledgers(sent, seen, set(), {}), seen)
    assert verdict.ok
    assert (verdict.sent, verdict.seen, verdict.anomalies) == (200_000, 200_000, ())


def test_ids_far_apart_take_no_more_memory_than_trades() -> None:
    ids = np.linspace(-(2**63) + 1, 2**63 - 1025, 100_000).astype(np.int64)
    rows = {"symbol": np.full(len(ids), "ETHBTC"), "trade_id": ids}
    sent, seen = as_table(SENT, rows | {"expect": np.full(len(ids), "stored")}), as_table(SEEN, rows)
    tracemalloc.start()
    verdict = judge(sent, seen, hop="lake", guarantee=Guarantee.EXACTLY_ONCE, fields=())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert verdict.ok
    assert peak < 500 * len(ids)
