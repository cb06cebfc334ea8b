"""Now and then a page begins one row too late."""

from tickerplant.api.store import Page, Position, Selection, TradeStore, View
from tickerplant.defects.binding import Every, Wrapped
from tickerplant.defects.model import Around, Defect


class _Skipping(Wrapped[TradeStore]):
    def __init__(self, part: TradeStore, around: Around) -> None:
        super().__init__(part, around)
        self._turn = Every(16, first=5)

    def page(self, view: View, wanted: Selection, after: Position | None, limit: int) -> Page:
        if after is not None and self._turn():
            skipped = self.part.page(view, wanted, after, 1)
            if skipped.more:
                self.reached()
                after = skipped.position
        return self.part.page(view, wanted, after, limit)


DEFECT = Defect(
    id="api-skips-a-row-at-a-page-boundary",
    family="paging",
    incident="Greater where greater-or-equal was meant: one row in a few pages, in large downloads only.",
    service="api",
    part="store",
    wrap=_Skipping,
    kills=(
        "Journeys.An Analyst Pages A Day.Any Page Size Gives The Whole Day",
        "Journeys.An Analyst Pages A Day.Single Row Pages Give The Whole Day",
    ),
    says=r"In pages of \d+ rows: .*(is|are) lost",
)
