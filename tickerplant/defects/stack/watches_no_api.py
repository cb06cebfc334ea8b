"""The API has no health check."""

from typing import Any

from tickerplant.defects.model import Around, Defect


def _wrap(service: dict[str, Any], _: Around) -> dict[str, Any]:
    service.pop("healthcheck")
    service["x-local"].pop("health")
    return service


DEFECT = Defect(
    id="stack-watches-no-api",
    family="declarations",
    incident="A service that answers nothing for hours is shown as running: nobody had declared how to look.",
    service="stack",
    part="api",
    wrap=_wrap,
    kills=("Health.The Stack Is As Declared.Each Service Is Watched",),
    says=r"should declare a health check, but not so: api \(there is none\)",
)
