"""After a start the writer goes on where the consumer group says, and knows nothing of what it stored before."""

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.defects.writer._group import Group
from tickerplant.writer.commit import Committer
from tickerplant.writer.intervals import Intervals
from tickerplant.writer.state import State


class _Trusting(Wrapped[Committer]):
    def __init__(self, part: Committer, around: Around) -> None:
        super().__init__(part, around)
        self._group = Group()

    def claim(self) -> State:
        state = self.part.claim()
        saved = self._group.offsets()
        self._group.close()
        if saved == state.offsets:
            return state
        self.reached()
        return State(saved, Intervals())


DEFECT = Defect(
    id="writer-trusts-the-group",
    family="recovery",
    incident="Offsets are saved after the commit: a crash between the two stores the last batch twice.",
    service="writer",
    part="committer",
    wrap=_Trusting,
    kills=(
        "Pipeline.Crashes Cost Nothing.The Writer Killed After Its Commit Repeats Nothing",
        "Pipeline.Crashes Cost Nothing.The Writer Killed Before It Saves Repeats Nothing",
    ),
    says=r"lake should show each .*duplicates?",
    restarted=True,
)
