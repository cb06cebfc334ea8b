"""A parameter that no route knows is left out instead of refused."""

from tickerplant.api.gate import Gate
from tickerplant.api.parameters import BarsQuery, TradesQuery
from tickerplant.defects.api._questions import ChangedQuestions, Query
from tickerplant.defects.model import Around, Defect

KNOWN = TradesQuery.model_fields.keys() | BarsQuery.model_fields.keys()


def _deaf(gate: Gate, around: Around) -> ChangedQuestions:
    def change(_path: str, asked: Query) -> Query:
        return [(name, value) for name, value in asked if name in KNOWN]

    return ChangedQuestions(gate, around, change)


DEFECT = Defect(
    id="api-ignores-unknown-parameters",
    family="contract",
    incident="A misspelt filter gives all rows, and the report is wrong by a factor of two hundred.",
    service="api",
    part="gate",
    wrap=_deaf,
    kills=("Journeys.A Newcomer Errs.An Unknown Parameter Is Refused",),
    says=r"the status should be 400, but it is 200",
)
