"""A limit out of range is moved into it."""

from tickerplant.api.gate import Gate
from tickerplant.api.parameters import LIMIT_MOST
from tickerplant.defects.api._questions import ChangedQuestions, Query
from tickerplant.defects.model import Around, Defect


def _clamping(gate: Gate, around: Around) -> ChangedQuestions:
    def change(_path: str, asked: Query) -> Query:
        return [(name, _clamped(value) if name == "limit" else value) for name, value in asked]

    return ChangedQuestions(gate, around, change)


def _clamped(text: str) -> str:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        return text
    return text if 1 <= int(text) <= LIMIT_MOST else str(min(max(int(text), 1), LIMIT_MOST))


DEFECT = Defect(
    id="api-clamps-the-limit",
    family="contract",
    incident="Who asks for a million rows gets ten thousand, and believes that these are all.",
    service="api",
    part="gate",
    wrap=_clamping,
    kills=("Journeys.A Newcomer Errs.A Limit Out Of Range Is Refused",),
    says=r"the status should be 400, but it is 200",
)
