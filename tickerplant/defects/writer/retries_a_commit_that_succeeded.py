"""The answer to a commit is lost, and what it stored last is stored once more."""

import pyarrow as pa
from pyiceberg.manifest import DataFile

from tickerplant.defects.binding import Every, Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.writer.commit import Committer
from tickerplant.writer.state import State


class _Repeating(Wrapped[Committer]):
    def __init__(self, part: Committer, around: Around) -> None:
        super().__init__(part, around)
        self._turn = Every(3, first=1)

    def append(self, rows: pa.Table, state: State) -> list[DataFile]:
        files = self.part.append(rows, state)
        if len(rows) and self._turn():
            self.reached()
            files = [*files, *self.part.append(rows.slice(len(rows) - 1), state)]
        return files


DEFECT = Defect(
    id="writer-retries-a-commit-that-succeeded",
    family="duplication",
    incident="A time-out of the catalog is taken for a failure: the commit had landed, and lands again.",
    service="writer",
    part="committer",
    wrap=_Repeating,
    kills=("Pipeline.Every Trade Arrives.Twenty Thousand Trades Over Twenty Symbols Reach Every Hop",),
    says=r"lake should show each .*duplicates?",
)
