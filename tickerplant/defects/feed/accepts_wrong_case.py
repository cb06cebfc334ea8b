"""A symbol in lower case is taken for the one in capitals."""

import json

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect
from tickerplant.feed.parser import Notice
from tickerplant.feed.service import Reads
from tickerplant.feed.trade import RefusedError, Trade


class _Generous(Wrapped[Reads]):
    def parse(self, payload: bytes, received_us: int) -> Trade | Notice:
        try:
            return self.part.parse(payload, received_us)
        except RefusedError as refusal:
            if refusal.reason != "wrong-case":
                raise
        frame = json.loads(payload)
        frame["data"]["s"] = frame["data"]["s"].upper()
        self.reached()
        return self.part.parse(json.dumps(frame, separators=(",", ":")).encode(), received_us)


DEFECT = Defect(
    id="feed-accepts-wrong-case",
    family="mix-up",
    incident="Names are folded to capitals for comfort, and two instruments become one.",
    service="feed",
    part="parser",
    wrap=_Generous,
    kills=("Pipeline.Garbage Is Set Aside.A Symbol In The Wrong Case Is Quarantined",),
    says=r"should be a dead letter with the reason wrong-case, but 0 are",
)
