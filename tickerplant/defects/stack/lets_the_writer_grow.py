"""The writer may take all memory of the machine."""

from typing import Any

from tickerplant.defects.model import Around, Defect


def _wrap(service: dict[str, Any], _: Around) -> dict[str, Any]:
    service.pop("mem_limit")
    return service


DEFECT = Defect(
    id="stack-lets-the-writer-grow",
    family="declarations",
    incident="A leak in one service ends its neighbours: it had no limit of its own.",
    service="stack",
    part="writer",
    wrap=_wrap,
    kills=("Health.The Stack Is As Declared.Each Service Has A Memory Limit",),
    says=r"a memory limit, but not so: writer \(there is none\)",
)
