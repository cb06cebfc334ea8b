"""A time without a zone is taken for UTC."""

import re
from collections.abc import Callable

from tickerplant.defects.model import Around, Defect

Parse = Callable[[str], int]
_NAIVE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?", re.ASCII)


def _guessing(parse: Parse, around: Around) -> Parse:
    def parsed(text: str) -> int:
        if not _NAIVE.fullmatch(text):
            return parse(text)
        around.reached()
        return parse(text + "Z")

    return parsed


DEFECT = Defect(
    id="api-guesses-a-zone",
    family="time",
    incident="A lenient date parser fills in what is missing, and an analyst in Tokyo reads the wrong day.",
    service="api",
    part="tickerplant.api.parameters:parse_instant",
    wrap=_guessing,
    kills=("Journeys.A Client In Another Time Zone.A Time Without A Zone Is Refused",),
    says=r"the status should be 400, but it is 200",
)
