"""Whoever asks for an older snapshot gets the newest."""

from tickerplant.api.store import TradeStore, View
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect


class _Modern(Wrapped[TradeStore]):
    def at(self, snapshot: int) -> View:
        asked, newest = self.part.at(snapshot), self.part.newest()
        if asked.snapshot == newest.snapshot:
            return asked
        self.reached()
        return newest


DEFECT = Defect(
    id="api-answers-from-the-newest-snapshot",
    family="snapshots",
    incident="A cache in front of the table has one entry: reports that were to be repeatable change over night.",
    service="api",
    part="store",
    wrap=_Modern,
    kills=("Journeys.A Researcher Takes Files.An Older Snapshot Still Tells What It Told",),
    says=r"As of snapshot \d+: .*should not be there",
)
