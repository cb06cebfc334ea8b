"""The broker has all rights of the host."""

from typing import Any

from tickerplant.defects.model import Around, Defect


def _wrap(service: dict[str, Any], _: Around) -> dict[str, Any]:
    service["privileged"] = True
    return service


DEFECT = Defect(
    id="stack-privileges-the-broker",
    family="declarations",
    incident="A flag set to debug something once: whoever gets into the container has the host.",
    service="stack",
    part="kafka",
    wrap=_wrap,
    kills=("Health.The Stack Is As Declared.No Service Has Privileges",),
    says=r"no privileges, but not so: kafka \(it is privileged\)",
)
