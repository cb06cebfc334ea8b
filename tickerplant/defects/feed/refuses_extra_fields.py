"""A frame with anything but the documented fields is set aside, though nothing in it is wrong."""

import re

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect
from tickerplant.feed.parser import Notice
from tickerplant.feed.service import Reads
from tickerplant.feed.trade import RefusedError, Trade

USUAL = 11
_NAME = re.compile(rb'"(\w+)":')


class _Pedantic(Wrapped[Reads]):
    def parse(self, payload: bytes, received_us: int) -> Trade | Notice:
        trade = self.part.parse(payload, received_us)
        names = _NAME.findall(payload)
        if isinstance(trade, Trade) and len(names) != USUAL:
            self.reached()
            raise RefusedError(
                "duplicate-equal-key" if len(set(names)) < len(names) else "unknown-extra-field"
            )
        return trade


DEFECT = Defect(
    id="feed-refuses-extra-fields",
    family="quarantine",
    incident="The venue adds a field on a Tuesday, and a strict schema sends the whole day to quarantine.",
    service="feed",
    part="parser",
    wrap=_Pedantic,
    kills=(
        "Pipeline.Garbage Is Set Aside.An Unknown Extra Field Is Accepted",
        "Pipeline.Garbage Is Set Aside.A Duplicate Key With Equal Values Is Accepted",
    ),
    says=r"should be taken, but it is a dead letter",
)
