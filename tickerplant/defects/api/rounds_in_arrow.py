"""Sizes in an Arrow stream are rounded to twelve decimals."""

import pyarrow as pa
import pyarrow.compute as pc

from tickerplant.api.encoder import Encoder, Format
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect

DIGITS = 12


class _Rounding(Wrapped[Encoder]):
    def encode(self, table: pa.Table, form: Format) -> bytes:
        if form is Format.ARROW and len(table):
            usual = table["quantity"]
            rounded = pc.round(usual, ndigits=DIGITS, round_mode="towards_zero").cast(usual.type)
            if not rounded.equals(usual):
                self.reached()
                place = table.schema.get_field_index("quantity")
                table = table.set_column(place, table.schema.field(place), rounded)
        return self.part.encode(table, form)


DEFECT = Defect(
    id="api-rounds-in-arrow",
    family="precision",
    incident="The fast path casts to a narrower decimal; only the slow formats are right.",
    service="api",
    part="encoder",
    wrap=_Rounding,
    kills=("Journeys.A Researcher Takes Files.Every Format Holds The Same Trades",),
    says=r"As arrow: .*(is|are) altered",
)
