"""Seams change what is sent or what is claimed, in one place, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from common.domain import Domain
from tickproof import seams
from tickproof.exchange import sent
from tickproof.exchange.actions import Drop
from tickproof.exchange.plan import Plan, draw
from tickproof.exchange.play import Play
from tickproof.exchange.script import compile_plan
from tickproof.ledger.schemas import SEEN, as_table
from tickproof.verdicts import judge


@dataclass(frozen=True)
class Lease:
    symbol: str
    next_id: int


def drawn(per_second: float | None = 100.0, trades: int = 600, **more: object) -> Plan:
    weights: Mapping[str, float] = {"BTCUSDT": 0.9}
    leases = [Lease("BTCUSDT", 100), Lease("ETHBTC", 7)]
    return draw(Domain(), leases, trades=trades, per_second=per_second, seed=5, weights=weights, **more)  # type: ignore[arg-type]


def played(plan: Plan) -> pa.Table:
    """Returns the ledger that the exchange would give: every row handed over when it was due."""
    play = Play("p", compile_plan(plan.table, plan.actions))
    play.begin(1_000)
    for row in range(play.script.size):
        if not play.script.muted[row]:
            play.marks.hand(slice(row, row + 1), int(play.due[row]))  # type: ignore[index]
            play.marks.copies[row] = 1
    return pa.concat_tables(list(sent.tables(play)))


def as_seen(ledger: pa.Table) -> pa.Table:
    """Returns what a perfect hop shows of what was really sent."""
    wire = ledger.filter(pa.array(ledger["copies"].to_numpy() > 0))
    columns = {name: wire[name] for name in ("symbol", "trade_id", "price", "quantity", "event_time", "side")}
    rows = wire.num_rows
    return as_table(
        SEEN,
        columns
        | {
            "hop": ["kafka"] * rows,
            "source": ["live"] * rows,
            "lane": np.zeros(rows, np.int64),
            "offset": np.arange(rows),
            "seen_ns": np.full(rows, 5_000),
            "price_text": wire["price_text"],
            "quantity_text": wire["quantity_text"],
        },
    )


@pytest.mark.parametrize(
    ("identity", "figures"),
    [
        ("seam-never-sent", {"lost": 1}),
        ("seam-sent-twice", {"phantom": 1}),
        ("seam-altered", {"altered": 1}),
        ("seam-swapped", {"out_of_order": 1}),
    ],
)
def test_a_perfect_hop_is_blamed_for_exactly_what_the_seam_stands_for(
    identity: str, figures: dict[str, int]
) -> None:
    plan = drawn()
    planting = seams.planted(seams.SEAMS[identity], plan)
    really = played(planting.plan)
    claimed = planting.claim(really)
    verdict = judge(claimed, as_seen(really), hop="kafka", guarantee="exactly-once", order=True)
    told = {
        name: getattr(verdict, name) for name in ("lost", "phantom", "altered", "duplicated", "out_of_order")
    }
    assert {name: value for name, value in told.items() if value} == figures


def test_a_delayed_trade_is_claimed_in_its_own_place() -> None:
    plan = drawn()
    planting = seams.planted(seams.SEAMS["seam-delayed"], plan)
    really = played(planting.plan)
    claimed = planting.claim(really)
    original = played(plan)
    for column in ("symbol", "trade_id", "due_ns", "quantity_text"):
        assert claimed[column].equals(original[column])
    keys = list(zip(really["symbol"].to_pylist(), really["trade_id"].to_pylist(), strict=True))
    usual = list(zip(original["symbol"].to_pylist(), original["trade_id"].to_pylist(), strict=True))
    (late,) = [key for key in usual if keys.index(key) - usual.index(key) > 1]
    assert late[0] == "ETHBTC"
    assert keys.index(late) == 599


@pytest.mark.parametrize("seam", seams.SEAMS.values(), ids=lambda seam: seam.id)
def test_a_plan_that_suffers_already_is_left_alone(seam: seams.Seam) -> None:
    plan = drawn(actions=(Drop(at=3),))
    assert seams.planted(seam, plan).plan is plan


def test_a_plan_too_short_for_a_delay_is_left_alone() -> None:
    for plan in (drawn(per_second=None), drawn(per_second=1000.0)):
        assert seams.planted(seams.SEAMS["seam-delayed"], plan).plan is plan


def test_a_seam_that_acts_leaves_its_marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = tmp_path / "reached"
    monkeypatch.setenv(seams.REACHED, str(marker))
    seams.planted(seams.SEAMS["seam-swapped"], drawn(actions=(Drop(at=3),)))
    assert not marker.exists()
    seams.planted(seams.SEAMS["seam-swapped"], drawn())
    assert marker.exists()
