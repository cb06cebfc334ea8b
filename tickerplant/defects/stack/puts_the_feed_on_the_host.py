"""The feed shares the network of the host."""

from typing import Any

from tickerplant.defects.model import Around, Defect


def _wrap(service: dict[str, Any], _: Around) -> dict[str, Any]:
    service["network_mode"] = "host"
    return service


DEFECT = Defect(
    id="stack-puts-the-feed-on-the-host",
    family="declarations",
    incident="A service reaches, and is reached by, all that listens on the host.",
    service="stack",
    part="feed",
    wrap=_wrap,
    kills=("Health.The Stack Is As Declared.No Service Shares The Network Of The Host",),
    says=r"a network of its own, but not so: feed \(it shares that of the host\)",
)
