"""The counter of written rows stands still after its first hundred."""

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter

from tickerplant.defects.model import Around, Defect
from tickerplant.writer.metrics import Metrics

AT = 100.0


def _wrap(
    make: Callable[[CollectorRegistry], Metrics], around: Around
) -> Callable[[CollectorRegistry], Metrics]:
    def frozen(registry: CollectorRegistry) -> Metrics:
        metrics = make(registry)
        written: Any = metrics.written
        count: Callable[[float], None] = written.inc
        seen = 0.0

        def inc(amount: float = 1) -> None:
            nonlocal seen
            counted = min(amount, AT - seen)
            if counted < amount:
                around.reached()
            seen += counted
            count(counted)

        written.inc = inc
        assert isinstance(written, Counter)
        return metrics

    return frozen


DEFECT = Defect(
    id="writer-freezes-its-metrics",
    family="health",
    incident="A worker was restarted inside the process and counts in a registry that nobody scrapes.",
    service="writer",
    part="tickerplant.writer.service:Metrics",
    wrap=_wrap,
    kills=("Health.Figures Tell The Truth.Counters Count What Was Sent",),
    says=r"writer should have counted",
)
