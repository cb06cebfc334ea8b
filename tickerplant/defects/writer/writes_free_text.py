"""A line of free text stands among the structured ones, once per commit with many rows."""

import sys

import pyarrow as pa
from pyiceberg.manifest import DataFile

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect
from tickerplant.writer.commit import Committer
from tickerplant.writer.state import State


class _Chatty(Wrapped[Committer]):
    def append(self, rows: pa.Table, state: State) -> list[DataFile]:
        if len(rows) > 100:
            self.reached()
            sys.stdout.write(f"DEBUG rows={len(rows)}\n")
            sys.stdout.flush()
        return self.part.append(rows, state)


DEFECT = Defect(
    id="writer-writes-free-text",
    family="logs",
    incident="A print left behind: the log collector drops what it cannot parse, and with it the line of the outage.",
    service="writer",
    part="committer",
    wrap=_Chatty,
    kills=("Health.Logs Tell What Happened.A Sound Flow Leaves Sound Logs",),
    says=r"writer should write structured lines only",
    restarted=True,
)
