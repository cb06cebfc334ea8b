"""A commit that is tried again finds a reader of which the first rows were taken already."""

import pyarrow as pa
from pyiceberg.manifest import DataFile

from tickerplant.defects.binding import Every, Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.writer.commit import Committer
from tickerplant.writer.state import State


class _Drained(Wrapped[Committer]):
    def __init__(self, part: Committer, around: Around) -> None:
        super().__init__(part, around)
        self._turn = Every(2)

    def append(self, rows: pa.Table, state: State) -> list[DataFile]:
        if len(rows) > 1 and self._turn():
            self.reached()
            rows = rows.slice(1)
        return self.part.append(rows, state)


DEFECT = Defect(
    id="writer-retries-a-drained-reader",
    family="loss",
    incident="An append is retried with a stream that the first attempt had begun to read; it reports success.",
    service="writer",
    part="committer",
    wrap=_Drained,
    kills=("Pipeline.Every Trade Arrives.Twenty Thousand Trades Over Twenty Symbols Reach Every Hop",),
    says=r"lake should show each .*(is|are) lost",
)
