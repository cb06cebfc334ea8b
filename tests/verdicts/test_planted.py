"""What was planted is found, all of it and nothing else, in a thousand random ledgers of 1 to 50,000 rows."""

import numpy as np
import pyarrow as pa
import pytest
from planting import Ledgers, plant
from slow_judge import slow_judge
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
