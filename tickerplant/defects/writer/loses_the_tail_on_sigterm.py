"""Asked to end, the writer notes what it polled as done, without its rows."""

import signal

import pyarrow as pa
from pyiceberg.manifest import DataFile

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.writer.commit import Committer
from tickerplant.writer.state import State


class _Careless(Wrapped[Committer]):
    def __init__(self, part: Committer, around: Around) -> None:
        super().__init__(part, around)
        self._ending = False
        self._usual = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, self._note)

    def _note(self, number: int, frame: object) -> None:
        self._ending = True
        if callable(self._usual):
            self._usual(number, frame)  # type: ignore[arg-type]  # the frame is passed on as it came

    def append(self, rows: pa.Table, state: State) -> list[DataFile]:
        if self._ending and len(rows):
            self.reached()
            rows = rows.slice(0, 0)
        return self.part.append(rows, state)


DEFECT = Defect(
    id="writer-loses-the-tail-on-sigterm",
    family="recovery",
    incident="The shutdown hook saves offsets and drops the buffer: each deployment costs half a second of trades.",
    service="writer",
    part="committer",
    wrap=_Careless,
    kills=("Pipeline.Crashes Cost Nothing.The Writer Stopped In Good Order Loses Nothing",),
    says=r"lake should show each .*(is|are) lost",
    restarted=True,
)
