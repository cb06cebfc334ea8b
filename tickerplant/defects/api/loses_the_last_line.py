"""The last line of an NDJSON answer is cut off with its line end."""

import pyarrow as pa

from tickerplant.api.encoder import Encoder, Format
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect


class _Cutting(Wrapped[Encoder]):
    def encode(self, table: pa.Table, form: Format) -> bytes:
        if form is Format.NDJSON and len(table) > 1:
            self.reached()
            table = table.slice(0, len(table) - 1)
        return self.part.encode(table, form)


DEFECT = Defect(
    id="api-loses-the-last-line",
    family="loss",
    incident="A line-wise writer flushes before the last line, not behind it.",
    service="api",
    part="encoder",
    wrap=_Cutting,
    kills=("Journeys.A Researcher Takes Files.Every Format Holds The Same Trades",),
    says=r"As ndjson: .*(is|are) lost",
)
