"""The writer does not wait for the broker to be started."""

from typing import Any

from tickerplant.defects.model import Around, Defect


def _wrap(service: dict[str, Any], around: Around) -> dict[str, Any]:
    service.pop("depends_on")
    # The broker is the slowest to start; here it is so every time.
    around.service["services"]["kafka"]["depends_on"] = {"api": {"condition": "service_started"}}
    return service


DEFECT = Defect(
    id="stack-starts-all-at-once",
    family="declarations",
    incident="After a power cut all start at the same time: whoever is quicker than its neighbour gives up on it.",
    service="stack",
    part="writer",
    wrap=_wrap,
    kills=("Health.The Stack Is As Declared.Services Start After What They Need",),
    says=r"writer should be started after kafka, but it was started",
)
