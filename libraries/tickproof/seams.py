"""Seams: faults that the kit plants on its own side of any target, between what is sent and what the ledger claims.

They need no access to the platform: whoever looks at somebody else's platform sees whether its suites would notice.
`robot -v SEAM:<id>` plants one; `tickproof defects --seams` plants each and wants the named tests red.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickproof.exchange.actions import Skip
from tickproof.exchange.plan import Plan

REACHED = "TICKPROOF_SEAM_REACHED"
"""The environment variable that names the file by which a seam tells that it acted."""

Claim = Callable[[pa.Table], pa.Table]
"""Makes what the ledger claims (schema SENT) of what the exchange says that it did."""


@dataclass(frozen=True)
class Planting:
    """What a seam makes of one plan.

    Attributes:
        plan: What the exchange is really given.
        claim: What becomes of its ledger.
    """

    plan: Plan
    claim: Claim = lambda ledger: ledger


@dataclass(frozen=True)
class Seam:
    """One fault on the kit's own side.

    Attributes:
        id: Its name.
        family: The kind of promise that seems to be broken.
        incident: One line on what it stands for.
        plant: Takes a plan; None where the plan has no place for it.
        kills: Full names of tests that must turn red.
        says: Regular expression that their sentences must match.
    """

    id: str
    family: str
    incident: str
    plant: Callable[[Plan], Planting | None]
    kills: tuple[str, ...]
    says: str


def planted(seam: Seam, plan: Plan) -> Planting:
    """Plant a seam into a plan, and note that it acted; a plan without a place for it stays as it is."""
    planting = seam.plant(plan)
    if planting is None:
        return Planting(plan)
    if marker := os.environ.get(REACHED):
        Path(marker).touch()
    return planting


def _never_sent(plan: Plan) -> Planting | None:
    row = _row(plan, share=0.5)
    if row is None:
        return None

    def claim(ledger: pa.Table) -> pa.Table:
        return _with(ledger, row, expect="stored", copies=1, repairable=True)

    return Planting(replace(plan, actions=(Skip(at=row, rest_knows=False),)), claim)


def _sent_twice(plan: Plan) -> Planting | None:
    if plan.actions:
        return None
    rows = plan.table.num_rows
    last = plan.table.slice(rows - 1)
    again = _set(last, "trade_id", pc.add(last["trade_id"], 1))
    return Planting(
        replace(plan, table=pa.concat_tables([plan.table, again])), lambda ledger: ledger.slice(0, rows)
    )


def _altered(plan: Plan) -> Planting | None:
    row = _row(plan, share=0.5)
    if row is None:
        return None
    text = plan.table["quantity_text"][row].as_py()
    digit = int(text[-1])
    other = text[:-1] + str(digit + 1 if digit < 9 else digit - 1)

    def claim(ledger: pa.Table) -> pa.Table:
        exact = pa.scalar(text).cast(ledger.schema.field("quantity").type).as_py()
        return _with(ledger, row, quantity=exact, quantity_text=text)

    return Planting(replace(plan, table=_with(plan.table, row, quantity_text=other)), claim)


def _swapped(plan: Plan) -> Planting | None:
    row = _row(plan, share=0.5)
    if row is None:
        return None
    same = np.flatnonzero(pc.equal(plan.table["symbol"], plan.table["symbol"][row]))
    following = same[same > row][:1]
    order = np.arange(plan.table.num_rows)
    order[[row, *following]] = order[[*following, row]]
    return _in_another_order(plan, order)


def _delayed(plan: Plan) -> Planting | None:
    """A trade at a third of the plan, of another symbol than the busiest, goes out behind all other trades."""
    offsets = plan.table["send_offset_ns"].to_numpy()
    busy = _row(plan, share=0.0)
    if busy is None:
        return None
    behind = int(pc.sum(pc.equal(plan.table["kind"], "trade")).as_py()) - 1
    quiet = np.flatnonzero(pc.not_equal(plan.table["symbol"], plan.table["symbol"][busy]))
    quiet = quiet[(quiet > behind * 0.32) & (quiet < behind)]
    if not len(quiet) or offsets[-1] - offsets[quiet[0]] < _LATE_NS:
        return None
    row = int(quiet[0])
    order = np.arange(plan.table.num_rows)
    order[row : behind + 1] = np.roll(order[row : behind + 1], -1)
    return _in_another_order(plan, order)


_LATE_NS = 2_000_000_000


def _in_another_order(plan: Plan, order: np.ndarray) -> Planting:
    """Send rows in another order at the same times; the ledger claims that each went out in its own place."""
    table = plan.table.take(order)
    table = _set(table, "send_offset_ns", plan.table["send_offset_ns"])
    back = np.argsort(order)

    def claim(ledger: pa.Table) -> pa.Table:
        claimed = ledger.take(back)
        for stamp in ("plan_index", "due_ns", "handed_ns", "gone_ns"):
            claimed = _set(claimed, stamp, ledger[stamp])
        return claimed

    return Planting(replace(plan, table=table), claim)


def _row(plan: Plan, *, share: float) -> int | None:
    """Return a trade of the symbol with most trades; None where the plan suffers something already."""
    if plan.actions:
        return None
    trades = plan.table.filter(pc.equal(plan.table["kind"], "trade"))
    counts = pc.value_counts(trades["symbol"].combine_chunks())
    symbol = counts.field("values")[int(np.argmax(counts.field("counts").to_numpy()))]
    rows = np.flatnonzero(pc.equal(trades["symbol"], symbol))
    if len(rows) < 2:
        return None
    return int(rows[min(int(len(rows) * share), len(rows) - 2)])


def _with(table: pa.Table, row: int, **values: object) -> pa.Table:
    """Return the table with other values in one row."""
    for name, value in values.items():
        column = table[name].combine_chunks()
        here = np.zeros(len(column), bool)
        here[row] = True
        table = _set(table, name, pc.replace_with_mask(column, here, pa.array([value], column.type)))
    return table


def _set(table: pa.Table, name: str, column: object) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(place), column)


FIRST = "Examples.My First.My First Trades Arrive"

SEAMS: Mapping[str, Seam] = {
    seam.id: seam
    for seam in (
        Seam(
            "seam-never-sent",
            "loss",
            "The venue counts a trade that it never published.",
            _never_sent,
            (FIRST,),
            r"(is|are) lost",
        ),
        Seam(
            "seam-sent-twice",
            "duplication",
            "A producer sends again after a time-out, and one trade exists twice under two ids.",
            _sent_twice,
            (FIRST,),
            r"should not be there",
        ),
        Seam(
            "seam-altered",
            "precision",
            "A gateway on the way changes the last digit of one size.",
            _altered,
            (FIRST,),
            r"altered",
        ),
        Seam(
            "seam-swapped",
            "order",
            "Two trades of a symbol change places on the way.",
            _swapped,
            ("Pipeline.Every Trade Arrives.Every Symbol Keeps Its Order And Its Partition",),
            r"out of order",
        ),
        Seam(
            "seam-delayed",
            "starvation",
            "A quiet symbol's trade waits until the busy one is done.",
            _delayed,
            ("Pipeline.Every Trade Arrives.A Busy Symbol Does Not Hold Up The Others",),
            r"trade of the quiet symbols should be visible within",
        ),
    )
}
