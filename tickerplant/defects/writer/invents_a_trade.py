"""Now and then a trade stands a second time in the table, under an id that the venue never gave."""

import pyarrow as pa
import pyarrow.compute as pc

from tickerplant.defects.binding import Every, Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.writer.decode import Decoded, Decoder
from tickerplant.writer.source import Polled

BIT = 1 << 40


class _Inventing(Wrapped[Decoder]):
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
        place = rows.schema.get_field_index("trade_id")
        extra = extra.set_column(place, rows.schema.field("trade_id"), pc.add(extra["trade_id"], BIT))
        return Decoded(pa.concat_tables([rows, extra]), decoded.rejects)


DEFECT = Defect(
    id="writer-invents-a-trade",
    family="phantom",
    incident="A buffer is reused before it is written: a row appears that nobody sent, with plausible values.",
    service="writer",
    part="decoder",
    wrap=_Inventing,
    kills=("Pipeline.Every Trade Arrives.Twenty Thousand Trades Over Twenty Symbols Reach Every Hop",),
    says=r"lake should show each .*should not be there",
    spoils=True,
)
