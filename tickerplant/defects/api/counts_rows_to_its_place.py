"""A page begins behind so many rows of the table as it is now, not behind the row that the one before it ended with."""

from tickerplant.api.store import Page, Position, Selection, TradeStore, View
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect


class _Counting(Wrapped[TradeStore]):
    def __init__(self, part: TradeStore, around: Around) -> None:
        super().__init__(part, around)
        self._behind: dict[tuple[Selection, Position], int] = {}

    def page(self, view: View, wanted: Selection, after: Position | None, limit: int) -> Page:
        sound = self.part.page(view, wanted, after, limit)
        before = self._behind.get((wanted, after), 0) if after else 0
        page = sound
        if after and before:
            counted = self.part.page(self.part.newest(), wanted, None, before + limit)
            rows = counted.table.slice(before)
            if rows["trade_id"] != sound.table["trade_id"]:
                self.reached()
                page = Page(rows, counted.position, counted.more)
        if page.position is not None:
            self._behind[(wanted, page.position)] = before + len(page.table)
        return page


DEFECT = Defect(
    id="api-counts-rows-to-its-place",
    family="paging",
    incident="OFFSET in place of a key: a late trade that lands before the reader's place shifts all that follow.",
    service="api",
    part="store",
    wrap=_Counting,
    kills=("Journeys.An Analyst Pages A Day.Any Page Size Gives The Whole Day",),
    says=r"In pages of \d+ rows: .*duplicates?",
)
