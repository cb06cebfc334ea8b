"""Two trades of different symbols exchange their prices and sizes."""

import numpy as np
import pyarrow as pa

from tickerplant.defects.binding import Every, Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.writer.decode import Decoded, Decoder
from tickerplant.writer.source import Polled


class _Mixing(Wrapped[Decoder]):
    def __init__(self, part: Decoder, around: Around) -> None:
        super().__init__(part, around)
        self._turn = Every(500, first=100)
        self._due = False

    def decode(self, polled: Polled) -> Decoded:
        decoded = self.part.decode(polled)
        symbols = decoded.rows["symbol"].to_pylist()
        order = np.arange(len(symbols))
        for row in range(1, len(symbols)):
            self._due = self._turn() or self._due
            if self._due and symbols[row] != symbols[row - 1]:
                order[[row - 1, row]] = order[[row, row - 1]]
                self._due = False
        if not (order != np.arange(len(order))).any():
            return decoded
        self.reached()
        rows = decoded.rows
        for name in ("price", "quantity"):
            place = rows.schema.get_field_index(name)
            rows = rows.set_column(place, rows.schema.field(name), rows[name].take(pa.array(order)))
        return Decoded(rows, decoded.rejects)


DEFECT = Defect(
    id="writer-mixes-symbols",
    family="mix-up",
    incident="A column is sorted without the others: one instrument's price stands under another's name.",
    service="writer",
    part="decoder",
    wrap=_Mixing,
    kills=("Pipeline.Every Trade Arrives.The Hops Agree With Each Other",),
    says=r"kafka and lake should show the same trades, but .*differ",
)
