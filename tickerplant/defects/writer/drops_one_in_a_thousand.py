"""Of a thousand trades one is not stored."""

import numpy as np
import pyarrow as pa

from tickerplant.defects.binding import Every, Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.writer.decode import Decoded, Decoder
from tickerplant.writer.source import Polled


class _Leaking(Wrapped[Decoder]):
    def __init__(self, part: Decoder, around: Around) -> None:
        super().__init__(part, around)
        self._turn = Every(1000, first=500)

    def decode(self, polled: Polled) -> Decoded:
        decoded = self.part.decode(polled)
        kept = np.array([not self._turn() for _ in range(len(decoded.rows))], dtype=bool)
        if kept.all():
            return decoded
        self.reached()
        return Decoded(decoded.rows.filter(pa.array(kept)), decoded.rejects)


DEFECT = Defect(
    id="writer-drops-one-in-a-thousand",
    family="loss",
    incident="An off-by-one at the end of a buffer: counts stay within 0.1 %, and nobody looks at single trades.",
    service="writer",
    part="decoder",
    wrap=_Leaking,
    kills=(
        "Examples.My First.My First Trades Arrive",
        "Pipeline.Every Trade Arrives.Twenty Thousand Trades Over Twenty Symbols Reach Every Hop",
    ),
    says=r"lake should show each .*(is|are) lost",
)
