"""Sixteen messages make a commit, however many wait."""

import pyarrow as pa
from pyiceberg.manifest import DataFile

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.writer.commit import Committer
from tickerplant.writer.state import State

FEW = 16


class _Eager(Wrapped[Committer]):
    def __init__(self, part: Committer, around: Around) -> None:
        super().__init__(part, around)
        self._state = State()

    def claim(self) -> State:
        self._state = self.part.claim()
        return self._state

    def append(self, rows: pa.Table, state: State) -> list[DataFile]:
        files = []
        for start in range(0, len(rows) - FEW, FEW):
            self.reached()
            files += self.part.append(rows.slice(start, FEW), self._state)
        files += self.part.append(rows.slice(max(0, (len(rows) - 1) // FEW * FEW)), state)
        self._state = state
        return files


DEFECT = Defect(
    id="writer-commits-each-message",
    family="efficiency",
    incident="A flush too many: all is right and on time, until the table has a million files.",
    service="writer",
    part="committer",
    wrap=_Eager,
    kills=("Pipeline.Snapshots Are Sound.Commits And Files Stay Bounded",),
    says=r"commits lie within one minute",
    spoils=True,
)
