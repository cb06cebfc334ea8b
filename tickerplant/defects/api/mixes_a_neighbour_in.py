"""The last row of a large page is one of a symbol that was not asked for."""

import pyarrow as pa

from tickerplant.api.store import TradeStore
from tickerplant.defects.api._pages import Changed
from tickerplant.defects.model import Around, Defect

LARGE = 400


def _with_a_stranger(rows: pa.Table) -> pa.Table:
    if len(rows) < LARGE:
        return rows
    last = rows.slice(len(rows) - 1)
    place = rows.schema.get_field_index("symbol")
    name = pa.array([f"{last['symbol'][0].as_py()}2"], rows.schema.field("symbol").type)
    return pa.concat_tables(
        [rows.slice(0, len(rows) - 1), last.set_column(place, rows.schema.field("symbol"), name)]
    )


def _wrap(store: TradeStore, around: Around) -> Changed:
    return Changed(store, around, _with_a_stranger)


DEFECT = Defect(
    id="api-mixes-a-neighbour-in",
    family="mix-up",
    incident="A filter compares beginnings: who asks for one instrument gets a little of the next one in the list.",
    service="api",
    part="store",
    wrap=_wrap,
    kills=("Pipeline.Every Trade Arrives.Twenty Thousand Trades Over Twenty Symbols Reach Every Hop",),
    says=r"should give trades of the symbols that were asked for only, but gave",
)
