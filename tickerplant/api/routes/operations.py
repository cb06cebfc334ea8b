"""What operators and their machines ask: health and metrics; no key is needed."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response

from tickerplant.api import models
from tickerplant.api.answers import json_response
from tickerplant.api.parameters import NoQuery, check_names
from tickerplant.api.parts import Parts
from tickerplant.api.problems import Problem
from tickerplant.api.published import METRICS_FORM, open_errors
from tickerplant.lake import LakeUnavailableError


def readiness(parts: Parts) -> Mapping[str, str | None]:
    """Return check -> None when all is well, else what is missing."""
    try:
        exists = parts.store.table_exists()
    except LakeUnavailableError:
        return {"catalog": "cannot be reached", "table": "is not known while the catalog cannot be reached"}
    return {"catalog": None, "table": None if exists else "does not exist yet"}


def add_operations(router: APIRouter, parts: Parts) -> None:
    """Add /health/live, /health/ready and /metrics."""

    @router.get("/health/live", response_model=models.Health, responses=open_errors())
    def live(request: Request) -> Response:
        """Tell that the process answers."""
        check_names(request, NoQuery)
        return json_response({"status": "ok", "checks": {}})

    @router.get("/health/ready", response_model=models.Health, responses=open_errors(503))
    def ready(request: Request) -> Response:
        """Tell whether questions can be answered, and if not, which dependency is missing."""
        check_names(request, NoQuery)
        checks = readiness(parts)
        missing = [f"{name} {sentence}" for name, sentence in checks.items() if sentence is not None]
        if missing:
            raise Problem(503, "not-ready", f"Not ready: {'; '.join(missing)}.", {"Retry-After": "1"})
        return json_response({"status": "ok", "checks": dict.fromkeys(checks, "ok")})

    @router.get(
        "/metrics",
        response_class=Response,
        responses=METRICS_FORM | open_errors(),
    )
    def metrics(request: Request) -> Response:
        """Return the figures that Prometheus collects."""
        check_names(request, NoQuery)
        return Response(parts.metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})
