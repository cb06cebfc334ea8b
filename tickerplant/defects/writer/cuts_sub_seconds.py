"""Now and then an event time loses what stands behind the second."""

import pyarrow as pa
import pyarrow.compute as pc

from tickerplant.defects.model import Around, Defect
from tickerplant.defects.writer._decoded import Changed, rarely
from tickerplant.writer.decode import Decoder


def _whole_seconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.floor_temporal(column, unit="second")


def _wrap(decoder: Decoder, around: Around) -> Changed:
    return Changed(decoder, around, "event_time", rarely(400, first=100), _whole_seconds)


DEFECT = Defect(
    id="writer-cuts-sub-seconds",
    family="time",
    incident="One of several code paths formats times without a fraction; order within the second is lost.",
    service="writer",
    part="decoder",
    wrap=_wrap,
    kills=("Pipeline.Every Trade Arrives.Twenty Thousand Trades Over Twenty Symbols Reach Every Hop",),
    says=r"event_time should be",
)
