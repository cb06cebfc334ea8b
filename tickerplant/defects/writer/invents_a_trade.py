"""Now and then a trade stands a second time in the table, under an id that the venue never gave."""

import pyarrow as pa
import pyarrow.compute as pc

from tickerplant.defects.model import Around, Defect
from tickerplant.defects.writer._decoded import Added, rarely
from tickerplant.writer.decode import Decoder

BIT = 1 << 40


def _of_nobody(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.add(column, BIT)


def _wrap(decoder: Decoder, around: Around) -> Added:
    return Added(decoder, around, "trade_id", rarely(1500, first=300), _of_nobody)


DEFECT = Defect(
    id="writer-invents-a-trade",
    family="phantom",
    incident="A buffer is reused before it is written: a row appears that nobody sent, with plausible values.",
    service="writer",
    part="decoder",
    wrap=_wrap,
    kills=("Pipeline.Every Trade Arrives.Twenty Thousand Trades Over Twenty Symbols Reach Every Hop",),
    says=r"lake should show each .*should not be there",
    spoils=True,
)
