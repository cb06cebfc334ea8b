"""Sizes pass through a double, and only those with more than 53 bits lose their last digits."""

from decimal import Decimal

import numpy as np
import pyarrow as pa

from tickerplant.defects.model import Around, Defect
from tickerplant.defects.writer._decoded import Changed
from tickerplant.writer.decode import Decoder

SCALE = 10**18
EXACT = 2**53


def _large(rows: pa.Table) -> np.ndarray:
    return np.array(
        [value.as_tuple().exponent == -18 and _steps(value) > EXACT for value in _sizes(rows)], bool
    )


def _sizes(rows: pa.Table) -> list[Decimal]:
    return list(rows["quantity"].to_pylist())


def _steps(value: Decimal) -> int:
    """Return a size in the smallest unit that it needs."""
    plain = format(value, "f").rstrip("0").replace(".", "")
    return int(plain or "0")


def _through_double(column: pa.ChunkedArray) -> pa.ChunkedArray:
    nearly = [Decimal(int(float(int(value.scaleb(18))))).scaleb(-18) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(nearly, column.type)])


def _wrap(decoder: Decoder, around: Around) -> Changed:
    return Changed(decoder, around, "quantity", _large, _through_double)


DEFECT = Defect(
    id="writer-loses-digits-above-2-53",
    family="precision",
    incident="A JavaScript helper counts in the smallest unit: exact up to 2^53, nearly right above.",
    service="writer",
    part="decoder",
    wrap=_wrap,
    kills=("Pipeline.Values Stay Exact.Values Are Exact In Microseconds",),
    says=r"quantity should be",
)
