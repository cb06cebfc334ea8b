"""The API may write into its image."""

from typing import Any

from tickerplant.defects.model import Around, Defect


def _wrap(service: dict[str, Any], _: Around) -> dict[str, Any]:
    service["read_only"] = False
    return service


DEFECT = Defect(
    id="stack-lets-the-api-write",
    family="declarations",
    incident="Whoever breaks into the service that faces the world can leave a program there.",
    service="stack",
    part="api",
    wrap=_wrap,
    kills=("Health.The Stack Is As Declared.No Service Writes Into Its Image",),
    says=r"a read-only root, but not so: api \(it can be written\)",
)
