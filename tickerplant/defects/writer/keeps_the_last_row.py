"""The newest row of each poll waits until another poll brings a newer one."""

import pyarrow as pa

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.writer.decode import ROWS_SCHEMA, Decoded, Decoder
from tickerplant.writer.source import Polled


class _Keeping(Wrapped[Decoder]):
    def __init__(self, part: Decoder, around: Around) -> None:
        super().__init__(part, around)
        self._kept = ROWS_SCHEMA.empty_table()

    def decode(self, polled: Polled) -> Decoded:
        decoded = self.part.decode(polled)
        rows = pa.concat_tables([self._kept, decoded.rows])
        if not len(rows):
            return decoded
        self.reached()
        self._kept = rows.slice(len(rows) - 1)
        return Decoded(rows.slice(0, len(rows) - 1), decoded.rejects)


DEFECT = Defect(
    id="writer-keeps-the-last-row",
    family="loss",
    incident="A window closes when the next record comes: over the night the day's last trade is missing.",
    service="writer",
    part="decoder",
    wrap=_Keeping,
    kills=("Pipeline.Every Trade Arrives.Twenty Thousand Trades Over Twenty Symbols Reach Every Hop",),
    says=r"lake should show each .*(is|are) lost",
)
