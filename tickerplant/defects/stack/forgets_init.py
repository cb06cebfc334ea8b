"""The writer runs as process 1 with nobody to hand on signals and reap children."""

from typing import Any

from tickerplant.defects.model import Around, Defect


def _wrap(service: dict[str, Any], _: Around) -> dict[str, Any]:
    service.pop("init")
    return service


DEFECT = Defect(
    id="stack-forgets-init",
    family="declarations",
    incident="Asked to end, process 1 without a handler does not hear it, and is killed after the grace period.",
    service="stack",
    part="writer",
    wrap=_wrap,
    kills=("Health.The Stack Is As Declared.Each Service Has An Init Process",),
    says=r"an init process, but not so: writer",
)
