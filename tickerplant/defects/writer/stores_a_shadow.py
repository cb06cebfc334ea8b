"""Now and then a trade is stored a second time, under its symbol in lower case."""

import pyarrow as pa
import pyarrow.compute as pc

from tickerplant.defects.binding import Every, Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.writer.decode import Decoded, Decoder
from tickerplant.writer.source import Polled


class _Shadowing(Wrapped[Decoder]):
    def __init__(self, part: Decoder, around: Around) -> None:
        super().__init__(part, around)
        self._turn = Every(1500, first=300)

    def decode(self, polled: Polled) -> Decoded:
        decoded = self.part.decode(polled)
        rows: pa.Table = decoded.rows
        picked = [row for row in range(len(rows)) if self._turn()]
        if not picked:
            return decoded
        self.reached()
        extra = rows.take(picked)
        place = rows.schema.get_field_index("symbol")
        extra = extra.set_column(place, rows.schema.field("symbol"), pc.utf8_lower(extra["symbol"]))
        return Decoded(pa.concat_tables([rows, extra]), decoded.rejects)


DEFECT = Defect(
    id="writer-stores-a-shadow",
    family="phantom",
    incident="A migration keeps old names beside new ones for a while: sums over the table are too large.",
    service="writer",
    part="decoder",
    wrap=_Shadowing,
    kills=("Pipeline.Every Trade Arrives.Twenty Thousand Trades Over Twenty Symbols Reach Every Hop",),
    says=r"lake should show each .*should not be there.*Phantom.*[a-z]+ \d+ was never sent",
    spoils=True,
)
