"""Event times are taken for the local time of the machine."""

import time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickerplant.defects.model import Around, Defect
from tickerplant.defects.writer._decoded import Changed
from tickerplant.writer.decode import Decoder


def _all(rows: pa.Table) -> np.ndarray:
    return np.full(len(rows), time.timezone != 0)


def _local(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.add(column.cast(pa.int64()), time.timezone * 1_000_000).cast(column.type)


def _wrap(decoder: Decoder, around: Around) -> Changed:
    return Changed(decoder, around, "event_time", _all, _local)


DEFECT = Defect(
    id="writer-reads-times-as-local",
    family="time",
    incident="Right on every server of ours, all in UTC: the first one from elsewhere shifts all times.",
    service="writer",
    part="decoder",
    wrap=_wrap,
    kills=("Health.Settings Do What They Say.A Service In Another Time Zone Changes No Answer",),
    says=r"event_time should be",
    restarted=True,
)
