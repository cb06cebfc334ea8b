"""One row in a large page is not written out."""

import pyarrow as pa

from tickerplant.api.store import TradeStore
from tickerplant.defects.api._pages import Changed
from tickerplant.defects.model import Around, Defect

LARGE = 400


def _without_one(rows: pa.Table) -> pa.Table:
    if len(rows) < LARGE:
        return rows
    hidden = len(rows) - 20
    return pa.concat_tables([rows.slice(0, hidden), rows.slice(hidden + 1)])


def _wrap(store: TradeStore, around: Around) -> Changed:
    return Changed(store, around, _without_one)


DEFECT = Defect(
    id="api-hides-a-row",
    family="loss",
    incident="A chunked answer drops the row that falls on the chunk's end; the table itself is complete.",
    service="api",
    part="store",
    wrap=_wrap,
    kills=("Examples.My First.My First Trades Arrive",),
    says=r"api should show each .*(is|are) lost",
)
