"""The API is not started again after a crash."""

from typing import Any

from tickerplant.defects.model import Around, Defect


def _wrap(service: dict[str, Any], _: Around) -> dict[str, Any]:
    service["restart"] = "no"
    return service


DEFECT = Defect(
    id="stack-leaves-the-api-dead",
    family="recovery",
    incident="The process is killed by the kernel, and stays so until Monday.",
    service="stack",
    part="api",
    wrap=_wrap,
    kills=("Health.Services Recover.The API Killed Heals",),
    says=r"api should be started again by its restart policy",
)
