"""The writer has no grace period of its own."""

from typing import Any

from tickerplant.defects.model import Around, Defect


def _wrap(service: dict[str, Any], _: Around) -> dict[str, Any]:
    service.pop("stop_grace_period")
    return service


DEFECT = Defect(
    id="stack-gives-the-writer-no-time",
    family="declarations",
    incident="A deployment kills the writer in the middle of a commit, as the default of somebody else has it.",
    service="stack",
    part="writer",
    wrap=_wrap,
    kills=("Health.The Stack Is As Declared.Each Service Has Time To End",),
    says=r"a grace period, but not so: writer",
)
