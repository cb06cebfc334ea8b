"""In JSON a price in a hundred is a number, not text."""

import re

import pyarrow as pa

from tickerplant.api.encoder import Encoder, Format
from tickerplant.defects.binding import Every, Wrapped
from tickerplant.defects.model import Around, Defect

_PRICE = re.compile(rb'"price":"([0-9.]+)"')


class _Numeric(Wrapped[Encoder]):
    def __init__(self, part: Encoder, around: Around) -> None:
        super().__init__(part, around)
        self._turn = Every(100)

    def encode(self, table: pa.Table, form: Format) -> bytes:
        rows = self.part.encode(table, form)
        return _PRICE.sub(self._bare, rows) if form is Format.JSON else rows

    def _bare(self, found: re.Match[bytes]) -> bytes:
        if not self._turn():
            return found[0]
        self.reached()
        return b'"price":' + found[1]


DEFECT = Defect(
    id="api-serves-prices-as-numbers",
    family="precision",
    incident="A serializer turns what looks like a number into one; the client's JSON reader rounds it.",
    service="api",
    part="encoder",
    wrap=_Numeric,
    kills=("Pipeline.Published Shapes.API Answers Are What Their Schema Says",),
    says=r"price should be text, but is the number",
)
