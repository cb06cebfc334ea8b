"""Now and then a commit registers an old data file once more."""

from collections.abc import Callable
from dataclasses import replace

from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from tickerplant.defects.binding import Every
from tickerplant.defects.model import Around, Defect
from tickerplant.writer.snapshots import Change, Staged

Stage = Callable[[Table, Change], Staged]


def _registering(stage: Stage, around: Around) -> Stage:
    turn = Every(5, first=2)

    def staged(table: Table, change: Change) -> Staged:
        if change.added and not change.removed and turn() and (again := _oldest(table)):
            around.reached()
            change = replace(change, added=[*change.added, again])
        return stage(table, change)

    return staged


def _oldest(table: Table) -> DataFile | None:
    snapshot = table.current_snapshot()
    for manifest in reversed(snapshot.manifests(table.io) if snapshot else []):
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
            return entry.data_file
    return None


DEFECT = Defect(
    id="writer-registers-a-file-twice",
    family="bookkeeping",
    incident="A repair job adds files that are live already: every count looks plausible, old rows count twice.",
    service="writer",
    part="tickerplant.writer.commit:stage",
    wrap=_registering,
    kills=("Pipeline.Snapshots Are Sound.No Data File Is Live Twice",),
    says=r"is live \d+ times: its rows count",
    spoils=True,
    before=("Examples.My First.My First Trades Arrive",),
)
