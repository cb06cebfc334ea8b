"""Sizes lose what stands behind the twelfth decimal."""

import pyarrow as pa
import pyarrow.compute as pc

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect
from tickerplant.writer.decode import Decoded, Decoder
from tickerplant.writer.source import Polled

DIGITS = 12


class _Cutting(Wrapped[Decoder]):
    def decode(self, polled: Polled) -> Decoded:
        decoded = self.part.decode(polled)
        rows: pa.Table = decoded.rows
        cut = pc.round(rows["quantity"], ndigits=DIGITS, round_mode="towards_zero")
        if cut.equals(rows["quantity"]):
            return decoded
        self.reached()
        place = rows.schema.get_field_index("quantity")
        return Decoded(rows.set_column(place, rows.schema.field("quantity"), cut), decoded.rejects)


DEFECT = Defect(
    id="writer-cuts-scale",
    family="precision",
    incident="A column of an older schema has fewer decimals; only tokens with tiny units feel it.",
    service="writer",
    part="decoder",
    wrap=_Cutting,
    kills=("Pipeline.Values Stay Exact.Values Are Exact In Microseconds",),
    says=r"quantity should be",
)
