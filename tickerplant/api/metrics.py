"""What Prometheus is told of the API."""

import math
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from tickerplant.api.store import TradeStore
from tickerplant.lake import LakeUnavailableError
from tickerplant.service.web import new_registry

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Counts requests and rows, and looks at the store when asked.

    Args:
        store: Whose snapshot and memory are told.
        now: Seconds since 1970.
        registry: Where the figures are kept.
    """

    def __init__(
        self,
        store: TradeStore,
        now: Callable[[], float] = time.time,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._store = store
        self._now = now
        self._registry = registry or new_registry()
        self._requests = Counter(
            "tickerplant_api_requests",
            "Requests answered.",
            ("route", "method", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "tickerplant_api_request_seconds",
            "Time from a request to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._rows = Counter(
            "tickerplant_api_rows_served", "Rows in answers.", ("route",), registry=self._registry
        )
        age = Gauge(
            "tickerplant_api_snapshot_age_seconds",
            "Age of the newest snapshot; NaN while there is none.",
            registry=self._registry,
        )
        age.set_function(self._snapshot_age)
        cached = Gauge(
            "tickerplant_api_cached_bytes", "Memory that cached rows take.", registry=self._registry
        )
        cached.set_function(lambda: store.cached_bytes)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def served(self, route: str, rows: int) -> None:
        """Count rows of one answer."""
        self._rows.labels(route).inc(rows)

    def text(self) -> bytes:
        """Return all figures in Prometheus's text form."""
        return generate_latest(self._registry)

    def _snapshot_age(self) -> float:
        try:
            view = self._store.newest()
        except LakeUnavailableError:
            return math.nan
        return math.nan if view.snapshot is None else self._now() - view.committed_ms / 1_000
