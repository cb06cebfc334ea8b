"""Now and then a page begins with the row that the one before it ended with."""

import pyarrow as pa

from tickerplant.api.store import Page, Position, Selection, TradeStore, View
from tickerplant.defects.binding import Every, Wrapped
from tickerplant.defects.model import Around, Defect


class _Repeating(Wrapped[TradeStore]):
    def __init__(self, part: TradeStore, around: Around) -> None:
        super().__init__(part, around)
        self._turn = Every(16, first=4)
        self._one_before: dict[Position, Position | None] = {}

    def page(self, view: View, wanted: Selection, after: Position | None, limit: int) -> Page:
        earlier = self._one_before.get(after) if after else None
        if earlier is not None and self._turn():
            self.reached()
            after = earlier
        page = self.part.page(view, wanted, after, limit)
        if page.position is not None:
            rows = len(page.table)
            self._one_before = {page.position: _place(page.table, rows - 2) if rows > 1 else after}
        return page


def _place(rows: pa.Table, row: int) -> Position:
    times = rows["event_time"].cast(pa.int64())
    return Position(times[row].as_py(), rows["symbol"][row].as_py(), rows["trade_id"][row].as_py())


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
    # Where a page is one row, a row that comes again brings its cursor with it.
    says=r"In pages of \d+ rows: .*duplicates?|gave one that it had given before",
)
