"""Every third commit carries the source offsets of two commits before."""

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa
from pyiceberg.manifest import DataFile

from tickerplant.defects.binding import Every, Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.writer.commit import Committer
from tickerplant.writer.state import State


class _Lagging(Wrapped[Committer]):
    def __init__(self, part: Committer, around: Around) -> None:
        super().__init__(part, around)
        self._turn = Every(3)
        self._past: list[Mapping[int, int]] = []

    def append(self, rows: pa.Table, state: State) -> list[DataFile]:
        self._past = [*self._past[-2:], state.offsets]
        if self._turn():
            self.reached()
            state = replace(state, offsets=self._past[0])
        return self.part.append(rows, state)


DEFECT = Defect(
    id="writer-notes-old-offsets",
    family="bookkeeping",
    incident="Offsets are taken from a copy that another thread fills: harmless until the next restart.",
    service="writer",
    part="committer",
    wrap=_Lagging,
    kills=("Pipeline.Snapshots Are Sound.Source Offsets Only Grow",),
    says=r"Partition \d+ goes back from offset",
    spoils=True,
)
