"""Names of twelve letters lose their last: a column of the old schema was eleven wide."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickerplant.defects.model import Around, Defect
from tickerplant.defects.writer._decoded import Changed
from tickerplant.writer.decode import Decoder

WIDTH = 11


def _long(rows: pa.Table) -> np.ndarray:
    return np.asarray(pc.greater(pc.utf8_length(rows["symbol"].combine_chunks()), WIDTH))


def _cut(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_slice_codeunits(column, 0, WIDTH)


def _wrap(decoder: Decoder, around: Around) -> Changed:
    return Changed(decoder, around, "symbol", _long, _cut)


DEFECT = Defect(
    id="writer-cuts-long-symbols",
    family="mix-up",
    incident="The quote currency is thought to have at most four letters: one odd pair in a hundred is misnamed.",
    service="writer",
    part="decoder",
    wrap=_wrap,
    kills=("Pipeline.Values Stay Exact.Odd Symbols Keep Their Names",),
    says=r"lake should show each .*(is|are) lost",
)
