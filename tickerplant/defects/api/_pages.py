"""Changes pages of trades before they are written out."""

import dataclasses
from collections.abc import Callable

import pyarrow as pa

from tickerplant.api.store import Page, Position, Selection, TradeStore, View
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around


class Changed(Wrapped[TradeStore]):
    """Reads as usual, but gives pages with other rows.

    Args:
        part: The usual store.
        around: What else there is.
        change: Returns the rows in a page's place.
    """

    def __init__(self, part: TradeStore, around: Around, change: Callable[[pa.Table], pa.Table]) -> None:
        super().__init__(part, around)
        self._change = change

    def page(self, view: View, wanted: Selection, after: Position | None, limit: int) -> Page:
        page = self.part.page(view, wanted, after, limit)
        changed = self._change(page.table)
        if changed is page.table:
            return page
        self.reached()
        return dataclasses.replace(page, table=changed)
