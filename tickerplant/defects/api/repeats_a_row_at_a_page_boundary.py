"""Now and then a page begins with the row that the one before it ended with."""

import dataclasses

import pyarrow as pa

from tickerplant.api.store import Page, Position, Selection, TradeStore, View
from tickerplant.defects.binding import Every, Wrapped
from tickerplant.defects.model import Around, Defect


class _Repeating(Wrapped[TradeStore]):
    def __init__(self, part: TradeStore, around: Around) -> None:
        super().__init__(part, around)
        self._turn = Every(16, first=4)
        self._last: dict[object, pa.Table] = {}

    def page(self, view: View, wanted: Selection, after: Position | None, limit: int) -> Page:
        page = self.part.page(view, wanted, after, limit)
        before = self._last.get(after)
        if page.position is not None:
            self._last = {page.position: page.table.slice(page.table.num_rows - 1)}
        if before is None or not len(page.table) or not self._turn():
            return page
        self.reached()
        return dataclasses.replace(page, table=pa.concat_tables([before, page.table]))


DEFECT = Defect(
    id="api-repeats-a-row-at-a-page-boundary",
    family="paging",
    incident="Greater-or-equal where greater was meant: whoever adds volumes up over pages counts a trade twice.",
    service="api",
    part="store",
    wrap=_Repeating,
    kills=(
        "Journeys.An Analyst Pages A Day.Any Page Size Gives The Whole Day",
        "Journeys.An Analyst Pages A Day.Single Row Pages Give The Whole Day",
    ),
    says=r"In pages of \d+ rows: .*duplicates?",
)
