"""The 404 of a summary tells where in the code it came from."""

from collections.abc import Callable

from tickerplant.api.problems import Problem
from tickerplant.defects.model import Around, Defect

NotFound = Callable[[str], Problem]


def _talkative(not_found: NotFound, around: Around) -> NotFound:
    def told(detail: str) -> Problem:
        around.reached()
        return not_found(f"{detail} (KeyError in api/store/pages.py, read_symbol)")

    return told


DEFECT = Defect(
    id="api-tells-of-its-inside",
    family="leaks",
    incident="An error handler of the development setup stays on for one route.",
    service="api",
    part="tickerplant.api.routes.bars:not_found",
    wrap=_talkative,
    kills=("Journeys.A Newcomer Errs.An Unknown Place Is Not Found",),
    says=r"should tell nothing of the inside, but it says '\.py'",
)
