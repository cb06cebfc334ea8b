"""Messages count as done when they were polled, not when they are in the table."""

from collections.abc import Mapping

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.defects.writer._group import Group
from tickerplant.writer.source import Polled, Source, next_offsets


class _Hasty(Wrapped[Source]):
    def __init__(self, part: Source, around: Around) -> None:
        super().__init__(part, around)
        self._group = Group()

    def start(self, offsets: Mapping[int, int]) -> None:
        saved = self._group.offsets()
        if any(at > offsets.get(number, 0) for number, at in saved.items()):
            self.reached()
        self.part.start({**offsets, **saved})

    def poll(self, limit: int, seconds: float) -> Polled:
        polled = self.part.poll(limit, seconds)
        if polled.values:
            self._group.save(next_offsets(polled))
        return polled

    def close(self) -> None:
        self._group.close()
        self.part.close()


_POINTS = ("After Its Poll", "After Its File", "Before Its Commit")

DEFECT = Defect(
    id="writer-saves-offsets-before-the-table",
    family="recovery",
    incident="Automatic offset commits: a crash at the wrong moment skips what was polled and never written.",
    service="writer",
    part="source",
    wrap=_Hasty,
    kills=tuple(
        f"Pipeline.Crashes Cost Nothing.The Writer Killed {point} Loses Nothing" for point in _POINTS
    ),
    says=r"lake should show each .*(is|are) lost",
    restarted=True,
)
