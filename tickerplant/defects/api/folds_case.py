"""Symbols in small letters are taken as if they were written in capitals."""

from tickerplant.api.gate import Gate
from tickerplant.defects.api._questions import ChangedQuestions, Query
from tickerplant.defects.model import Around, Defect


def _folding(gate: Gate, around: Around) -> ChangedQuestions:
    def change(_path: str, asked: Query) -> Query:
        return [(name, value.upper() if name == "symbol" else value) for name, value in asked]

    return ChangedQuestions(gate, around, change)


DEFECT = Defect(
    id="api-folds-case",
    family="contract",
    incident="Names are compared without their case for comfort, until a venue lists two that differ in nothing else.",
    service="api",
    part="gate",
    wrap=_folding,
    kills=("Journeys.A Newcomer Errs.A Symbol In The Wrong Case Is Refused",),
    says=r"the status should be 400, but it is 200",
)
