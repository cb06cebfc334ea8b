"""Now and then a trade is stored a second time, under its symbol in lower case."""

import pyarrow as pa
import pyarrow.compute as pc

from tickerplant.defects.model import Around, Defect
from tickerplant.defects.writer._decoded import Added, rarely
from tickerplant.writer.decode import Decoder


def _in_lower_case(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_lower(column)


def _wrap(decoder: Decoder, around: Around) -> Added:
    return Added(decoder, around, "symbol", rarely(1500, first=300), _in_lower_case)


DEFECT = Defect(
    id="writer-stores-a-shadow",
    family="phantom",
    incident="A migration keeps old names beside new ones for a while: sums over the table are too large.",
    service="writer",
    part="decoder",
    wrap=_wrap,
    kills=("Pipeline.Every Trade Arrives.Twenty Thousand Trades Over Twenty Symbols Reach Every Hop",),
    says=r"lake should show each .*should not be there.*Phantom.*[a-z]+ \d+ was never sent",
    spoils=True,
)
