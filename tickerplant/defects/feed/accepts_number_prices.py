"""A price that came as a JSON number is taken, though its digits may be lost already."""

import json

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect
from tickerplant.feed.parser import Notice
from tickerplant.feed.service import Reads
from tickerplant.feed.trade import RefusedError, Trade


class _Lenient(Wrapped[Reads]):
    def parse(self, payload: bytes, received_us: int) -> Trade | Notice:
        try:
            return self.part.parse(payload, received_us)
        except RefusedError as refusal:
            if refusal.reason != "number-price":
                raise
        frame = json.loads(payload)
        frame["data"]["p"] = str(frame["data"]["p"])
        self.reached()
        return self.part.parse(json.dumps(frame, separators=(",", ":")).encode(), received_us)


DEFECT = Defect(
    id="feed-accepts-number-prices",
    family="quarantine",
    incident="A lenient JSON reader takes what the venue's contract forbids.",
    service="feed",
    part="parser",
    wrap=_Lenient,
    kills=("Pipeline.Garbage Is Set Aside.A Number In Place Of A Text Price Is Quarantined",),
    says=r"should be a dead letter with the reason number-price, but 0 are",
)
