"""Trades that come days late are an hour off: their time was read with today's zone offset."""

import time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickerplant.defects.model import Around, Defect
from tickerplant.defects.writer._decoded import Changed
from tickerplant.writer.decode import Decoder

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


def _old(rows: pa.Table) -> np.ndarray:
    return np.asarray(rows["event_time"].cast(pa.int64()).to_numpy() < time.time_ns() // 1_000 - DAY_US)


def _later(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.add(column.cast(pa.int64()), HOUR_US).cast(column.type)


def _wrap(decoder: Decoder, around: Around) -> Changed:
    return Changed(decoder, around, "event_time", _old, _later)


DEFECT = Defect(
    id="writer-shifts-late-times",
    family="time",
    incident="Local time with today's offset: right all summer, an hour off for what comes from before the change.",
    service="writer",
    part="decoder",
    wrap=_wrap,
    kills=("Pipeline.Nothing Twice Nothing Misplaced.Late And Out Of Order Trades Land In Their Own Day",),
    says=r"event_time should be",
)
