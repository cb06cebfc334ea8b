"""The health check of the feed asks the writer."""

from typing import Any

from tickerplant.defects.model import Around, Defect


def _wrap(service: dict[str, Any], _: Around) -> dict[str, Any]:
    service["x-local"]["health"] = {"http": "http://127.0.0.1:${WRITER_PORT}/health/live"}
    return service


DEFECT = Defect(
    id="stack-asks-a-neighbour-for-the-feed",
    family="health",
    incident="A block was copied from the service below and one name was not changed: it tells how another one is.",
    service="stack",
    part="feed",
    wrap=_wrap,
    kills=("Health.Services Recover.A Frozen Service Is Found Unhealthy",),
    says=r"feed should be found unhealthy within",
)
