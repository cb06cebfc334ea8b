"""Of a zone's offset only the hours count."""

import re
from collections.abc import Callable

from tickerplant.defects.model import Around, Defect

Parse = Callable[[str], int]
_OFFSET = re.compile(r"(?<=[+-]\d\d:)(?!00)\d\d$", re.ASCII)


def _hours_only(parse: Parse, around: Around) -> Parse:
    def parsed(text: str) -> int:
        rounded = _OFFSET.sub("00", text)
        if rounded != text:
            around.reached()
        return parse(rounded)

    return parsed


DEFECT = Defect(
    id="api-ignores-zone-offsets",
    family="time",
    incident="Whole hours are right for nearly everybody: Kathmandu gets 45 minutes of other trades.",
    service="api",
    part="tickerplant.api.parameters:parse_instant",
    wrap=_hours_only,
    kills=("Journeys.A Client In Another Time Zone.Every Zone Offset Means The Same Instant",),
    says=r"From \S+\+05:45 up to .*(lost|should not be there)",
)
