"""Asked to end, the feed goes on until it is killed."""

import threading
from collections.abc import Callable
from typing import Any

from tickerplant.defects.model import Around, Defect
from tickerplant.service import Stop

Run = Callable[[Any, Stop], None]


class _Deaf(Stop):
    """Notes that it was asked, and tells nobody."""

    def __init__(self, asked: Stop, around: Around) -> None:
        super().__init__()
        threading.Thread(target=self._note, args=(asked, around), daemon=True).start()

    @staticmethod
    def _note(asked: Stop, around: Around) -> None:
        while not asked.wait(0.2):
            pass
        around.reached()


def _wrap(run: Run, around: Around) -> Run:
    return lambda service, stop: run(service, _Deaf(stop, around))


DEFECT = Defect(
    id="feed-does-not-hear-sigterm",
    family="endings",
    incident="A handler was installed in a thread that ended: each stop takes the whole grace period, and is a kill.",
    service="feed",
    part="tickerplant.feed.service:run",
    wrap=_wrap,
    kills=("Health.Services Recover.Each Service Ends In Good Order Under Flow",),
    says=r"feed should end by itself with exit code 0 .* ended with 137 ",
)
