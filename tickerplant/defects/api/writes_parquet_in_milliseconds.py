"""Times in Parquet files are whole milliseconds."""

import pyarrow as pa
import pyarrow.compute as pc

from tickerplant.api.encoder import Encoder, Format
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect


class _Coarse(Wrapped[Encoder]):
    def encode(self, table: pa.Table, form: Format) -> bytes:
        if form is Format.PARQUET and len(table):
            usual = table["event_time"]
            coarse = pc.floor_temporal(usual, unit="millisecond")
            if not coarse.equals(usual):
                self.reached()
                place = table.schema.get_field_index("event_time")
                table = table.set_column(place, table.schema.field(place), coarse.cast(usual.type))
        return self.part.encode(table, form)


DEFECT = Defect(
    id="api-writes-parquet-in-milliseconds",
    family="time",
    incident="A writer keeps an old default for the sake of an old reader; latencies come out as whole milliseconds.",
    service="api",
    part="encoder",
    wrap=_Coarse,
    kills=("Journeys.A Researcher Takes Files.Every Format Holds The Same Trades",),
    says=r"As parquet: .*(is|are) altered",
)
