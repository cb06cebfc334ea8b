"""A commit says that the table holds one row fewer than it does."""

from collections.abc import Callable
from dataclasses import replace

from pyiceberg.table import Table
from pyiceberg.table.snapshots import Summary

from tickerplant.defects.binding import Every
from tickerplant.defects.model import Around, Defect
from tickerplant.writer.snapshots import Change, Staged

Stage = Callable[[Table, Change], Staged]


def _miscounting(stage: Stage, around: Around) -> Stage:
    turn = Every(4, first=2)

    def staged(table: Table, change: Change) -> Staged:
        right = stage(table, change)
        summary = right.snapshot.summary
        if not change.added or summary is None or not turn():
            return right
        around.reached()
        figures = dict(summary.additional_properties)
        figures["total-records"] = str(int(figures["total-records"]) - 1)
        wrong = Summary(operation=summary.operation, **figures)
        return replace(right, snapshot=right.snapshot.model_copy(update={"summary": wrong}))

    return staged


DEFECT = Defect(
    id="writer-miscounts-its-rows",
    family="bookkeeping",
    incident="Totals are carried on from an estimate: dashboards that read summaries drift from the data.",
    service="writer",
    part="tickerplant.writer.commit:stage",
    wrap=_miscounting,
    kills=("Pipeline.Snapshots Are Sound.Summaries Equal Rows",),
    says=r"total-records says \d+, but there are",
    spoils=True,
)
