"""What cannot be understood is counted and then forgotten."""

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.feed.service import SetsAside


class _Swallowing(Wrapped[SetsAside]):
    def __init__(self, part: SetsAside, around: Around) -> None:
        super().__init__(part, around)
        self._counts = around.service.counts.dead_letters

    def put(self, _payload: bytes, *, reason: str, **_where: object) -> None:
        self.reached()
        self._counts[reason] += 1


_KINDS = (
    "Not JSON Is Quarantined",
    "A Missing Field Is Quarantined",
    "An Unknown Event Is Quarantined",
    "A Price That Is No Number Is Quarantined",
    "A Negative Size Is Quarantined",
    "An Id Out Of Range Is Quarantined",
    "An Empty Object Is Quarantined",
    "A Binary Frame Is Quarantined",
)

DEFECT = Defect(
    id="feed-swallows-dead-letters",
    family="quarantine",
    incident="A catch-all counts what it cannot parse and goes on; the bytes are gone.",
    service="feed",
    part="dead_letters",
    wrap=_Swallowing,
    kills=tuple(f"Pipeline.Garbage Is Set Aside.{kind}" for kind in _KINDS),
    says=r"should be a dead letter with the reason \S+, but 0 are",
)
