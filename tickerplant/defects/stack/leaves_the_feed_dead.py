"""The feed is not started again after a crash."""

from typing import Any

from tickerplant.defects.model import Around, Defect


def _wrap(service: dict[str, Any], _: Around) -> dict[str, Any]:
    service["restart"] = "no"
    return service


DEFECT = Defect(
    id="stack-leaves-the-feed-dead",
    family="declarations",
    incident="A crash at night is a gap until somebody wakes up: the restart policy was never set.",
    service="stack",
    part="feed",
    wrap=_wrap,
    kills=("Health.The Stack Is As Declared.Each Service Comes Back After A Crash",),
    says=r"a restart policy, but not so: feed \(it is no\)",
)
