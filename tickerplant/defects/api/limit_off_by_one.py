"""A full page has one row fewer than was asked for."""

from tickerplant.api.store import Page, Position, Selection, TradeStore, View
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect


class _Stingy(Wrapped[TradeStore]):
    def page(self, view: View, wanted: Selection, after: Position | None, limit: int) -> Page:
        page = self.part.page(view, wanted, after, limit)
        if limit == 1 or not page.more:
            return page
        self.reached()
        return self.part.page(view, wanted, after, limit - 1)


DEFECT = Defect(
    id="api-limit-off-by-one",
    family="paging",
    incident="The row that tells whether more follow is taken from the page instead of read beyond it.",
    service="api",
    part="store",
    wrap=_Stingy,
    kills=("Journeys.A Newcomer Errs.A Limit At Its Bounds Is Served",),
    says=r"A limit of \d+ should give \d+ rows, but it gave",
)
