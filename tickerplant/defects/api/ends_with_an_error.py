"""Asked to end, the API ends with the code of a crash."""

from collections.abc import Callable
from typing import Any

from tickerplant.defects.model import Around, Defect

Run = Callable[[Any, Any], None]


def _wrap(run: Run, around: Around) -> Run:
    def ends_badly(service: Any, stop: Any) -> None:  # noqa: ANN401 - the service's own
        run(service, stop)
        around.reached()
        raise RuntimeError("The event loop is closed.")

    return ends_badly


DEFECT = Defect(
    id="api-ends-with-an-error",
    family="endings",
    incident="Every deployment pages somebody: a good end looks like a crash, and soon nobody reads the page.",
    service="api",
    part="tickerplant.api.service:run",
    wrap=_wrap,
    kills=("Health.Services Recover.Each Service Ends In Good Order Under Flow",),
    says=r"api should end by itself with exit code 0 .* ended with 1 ",
)
