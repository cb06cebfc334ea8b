"""The statistics leave out a field that the contract promises."""

from collections.abc import Callable, Mapping

from tickerplant.api.store import View
from tickerplant.defects.model import Around, Defect

Body = Callable[[View, int], Mapping[str, object]]


def _omitting(statistics: Body, around: Around) -> Body:
    def shortened(view: View, symbols: int) -> Mapping[str, object]:
        around.reached()
        return {name: value for name, value in statistics(view, symbols).items() if name != "committed_at"}

    return shortened


DEFECT = Defect(
    id="api-omits-a-published-field",
    family="contract",
    incident="A field that nobody seemed to use is dropped without a new version.",
    service="api",
    part="tickerplant.api.routes.table:statistics_body",
    wrap=_omitting,
    kills=("Journeys.The Published Contract Holds.Every Route Answers As Published",),
    says=r"/v1/statistics should answer as published, but: .*committed_at",
)
