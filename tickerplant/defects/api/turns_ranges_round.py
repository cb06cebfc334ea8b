"""A range that ends before it begins is read the other way round."""

from tickerplant.api.gate import Gate
from tickerplant.defects.api._questions import ChangedQuestions, Query
from tickerplant.defects.model import Around, Defect


def _obliging(gate: Gate, around: Around) -> ChangedQuestions:
    def change(_path: str, asked: Query) -> Query:
        values = dict(asked)
        if not values.get("start", "") > values.get("end", "~"):
            return asked
        turned = {"start": values["end"], "end": values["start"]}
        return [(name, turned.get(name, value)) for name, value in asked]

    return ChangedQuestions(gate, around, change)


DEFECT = Defect(
    id="api-turns-ranges-round",
    family="contract",
    incident="A mistake of the caller is mended in silence, and the caller's other mistake is never found.",
    service="api",
    part="gate",
    wrap=_obliging,
    kills=("Journeys.A Newcomer Errs.An Inverted Range Is Refused",),
    says=r"the status should be 400, but it is 200",
)
