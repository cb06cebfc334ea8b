"""The writer is started again only a second time."""

from typing import Any

from tickerplant.defects.model import Around, Defect


def _wrap(service: dict[str, Any], _: Around) -> dict[str, Any]:
    service["restart"] = "on-failure:2"
    return service


DEFECT = Defect(
    id="stack-leaves-the-writer-dead",
    family="recovery",
    incident="Three bad starts in a row, as in any longer outage of a neighbour, and nobody tries any more.",
    service="stack",
    part="writer",
    wrap=_wrap,
    kills=("Health.Services Recover.A Crash Loop Is Visible",),
    says=r"writer should be restarted 4 times by its policy",
)
