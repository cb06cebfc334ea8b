"""The feed may take as much memory as no machine has."""

from typing import Any

from tickerplant.defects.model import Around, Defect


def _wrap(service: dict[str, Any], _: Around) -> dict[str, Any]:
    service["mem_limit"] = "64g"
    return service


DEFECT = Defect(
    id="stack-lets-the-feed-take-all",
    family="limits",
    incident="A limit was raised for one night of loading, and never set back: a leak ends the machine instead.",
    service="stack",
    part="feed",
    wrap=_wrap,
    kills=("Health.Services Recover.A Service Beyond Its Memory Limit Is Ended And Comes Back",),
    says=r"feed should be ended for want of memory",
)
