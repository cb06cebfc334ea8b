"""The broker's log grows without a bound."""

from typing import Any

from tickerplant.defects.model import Around, Defect


def _wrap(service: dict[str, Any], _: Around) -> dict[str, Any]:
    service["logging"]["options"].pop("max-size")
    return service


DEFECT = Defect(
    id="stack-keeps-all-logs",
    family="declarations",
    incident="The disk of the host is full of one service's log, and all others stop.",
    service="stack",
    part="kafka",
    wrap=_wrap,
    kills=("Health.The Stack Is As Declared.Logs Cannot Fill A Disk",),
    says=r"bounded logs, but not so: kafka \(there is no max-size\)",
)
