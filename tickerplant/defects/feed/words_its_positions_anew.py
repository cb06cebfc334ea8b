"""Dead letters tell their position in other words."""

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect
from tickerplant.feed.service import SetsAside


class _Reworded(Wrapped[SetsAside]):
    def put(
        self, payload: bytes, *, reason: str, position: str, received_us: int, source: str = "ws"
    ) -> None:
        self.reached()
        words = position.replace(":", " ").replace("/", ", ")
        self.part.put(payload, reason=reason, position=words, received_us=received_us, source=source)


DEFECT = Defect(
    id="feed-words-its-positions-anew",
    family="contract",
    incident="A text is made nicer for people, and the tool that replays dead letters finds none of its positions.",
    service="feed",
    part="dead_letters",
    wrap=_Reworded,
    kills=("Pipeline.Published Shapes.What Could Not Be Taken Is Told As Its Schemas Say",),
    says=r"A dead letter should be what its schema says, but .*does not match",
)
