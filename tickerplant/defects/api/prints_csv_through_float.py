"""Prices in a CSV pass through a float, which only those with many digits feel."""

from decimal import Context, Decimal

import pyarrow as pa

from tickerplant.api.encoder import Encoder, Format
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect


class _Floating(Wrapped[Encoder]):
    def encode(self, table: pa.Table, form: Format) -> bytes:
        if form is Format.CSV:
            column = table["price"]
            nearly = pa.chunked_array([_through_float(column)], column.type)
            if not nearly.equals(column):
                self.reached()
                place = table.schema.get_field_index("price")
                table = table.set_column(place, table.schema.field(place), nearly)
        return self.part.encode(table, form)


def _through_float(column: pa.ChunkedArray) -> pa.Array:
    step, wide = Decimal(1).scaleb(-column.type.scale), Context(prec=column.type.precision)
    nearly = [Decimal(repr(float(value))).quantize(step, context=wide) for value in column.to_pylist()]
    return pa.array(nearly, column.type)


DEFECT = Defect(
    id="api-prints-csv-through-float",
    family="precision",
    incident="One of five formats is written by a library that knows no decimals.",
    service="api",
    part="encoder",
    wrap=_Floating,
    kills=("Journeys.A Researcher Takes Files.Every Format Holds The Same Trades",),
    says=r"As csv: .*(is|are) altered",
)
