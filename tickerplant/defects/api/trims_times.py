"""The venue's time loses the zeros at its end."""

import re

import pyarrow as pa

from tickerplant.api.encoder import Encoder, Format
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect

_TIME = re.compile(rb'("venue_time":"[^"]*[^"0])0+Z"')


class _Trimming(Wrapped[Encoder]):
    def encode(self, table: pa.Table, form: Format) -> bytes:
        rows = self.part.encode(table, form)
        trimmed = _TIME.sub(rb'\1Z"', rows) if form is Format.JSON else rows
        if trimmed != rows:
            self.reached()
        return trimmed


DEFECT = Defect(
    id="api-trims-times",
    family="contract",
    incident="A clock library leaves out zeros: clients that cut texts at fixed places read nonsense.",
    service="api",
    part="encoder",
    wrap=_Trimming,
    kills=("Pipeline.Published Shapes.API Answers Are What Their Schema Says",),
    says=r"The answer about trades should be as published, but .*does not match",
)
