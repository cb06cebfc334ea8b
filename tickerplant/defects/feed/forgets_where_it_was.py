"""After a start the feed knows nothing of the trades that it took before, so it does not miss those in between."""

from collections.abc import Callable, Mapping

from tickerplant.defects.model import Around, Defect
from tickerplant.feed.coverage import Coverage
from tickerplant.feed.tail import Tail

ReadTail = Callable[..., Tail]


def _forgetful(read_tail: ReadTail, around: Around) -> ReadTail:
    def forget(bootstrap: str, topic: str, coverage: Mapping[str, Coverage], **settings: object) -> Tail:
        tail = read_tail(bootstrap, topic, coverage, **settings)
        for each in coverage.values():
            if each.next is not None:
                around.reached()
            each.next, each.holes, each.floor, each.was_empty = None, [], None, False
        return tail

    return forget


DEFECT = Defect(
    id="feed-forgets-where-it-was",
    family="recovery",
    incident="State is kept in memory only: a crash makes a gap that nobody looks for.",
    service="feed",
    part="tickerplant.feed.service:read_tail",
    wrap=_forgetful,
    kills=("Pipeline.Crashes Cost Nothing.The Feed Killed Under Flow Loses Nothing",),
    says=r"(is|are) lost",
)
