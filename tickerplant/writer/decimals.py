"""Text to decimal(38,18), exactly: what would have to be rounded is refused, not rounded.

Arrow's own cast is fast and right for plain numbers that fit. For those that do not it cannot be trusted: of
`1100000000000000000000` it silently makes 79152899237184609609.876..., as it multiplies beyond 128 bits. So only
text that surely fits is given to it; the rest, which is rare, goes through Python's decimals one by one.
"""

import decimal
import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tickerplant.lake.schema import PRECISION, SCALE

TYPE = pa.decimal128(PRECISION, SCALE)

_WHOLE_DIGITS = PRECISION - SCALE
_SURE = rf"^-?[0-9]{{1,{_WHOLE_DIGITS}}}(\.[0-9]{{1,{SCALE}}})?$"
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,6})?", re.ASCII)
_ZERO = pa.scalar(0, TYPE)


def exact(texts: pa.Array) -> tuple[pa.Array, list[int]]:
    """Convert texts without nulls into decimals.

    Returns:
        The decimals, null where a text was refused, and the rows of those.
    """
    sure = pc.match_substring_regex(texts, _SURE)
    if pc.all(sure, min_count=0).as_py():
        return texts.cast(TYPE), []
    values = pc.if_else(sure, texts, None).cast(TYPE).to_pylist()
    refused: list[int] = []
    for row in np.flatnonzero(~np.asarray(sure)).tolist():
        text = texts[row].as_py()
        values[row] = _fitting(text) if _NUMBER.fullmatch(text) else None
        if values[row] is None:
            refused.append(row)
    return pa.array(values, TYPE), refused


def negative(values: pa.Array) -> npt.NDArray[np.bool_]:
    """Tell for each decimal whether it is below zero; nulls are not."""
    below: npt.NDArray[np.bool_] = np.asarray(pc.less(values, _ZERO).fill_null(fill_value=False))
    return below


def _fitting(text: str) -> decimal.Decimal | None:
    """Return the value of a number's text, or None if 20 whole and 18 further digits cannot hold it."""
    value = decimal.Decimal(text)
    if not value:
        return decimal.Decimal(0)
    digits = value.as_tuple().digits
    spare = len(digits) - len("".join(map(str, digits)).rstrip("0"))
    lowest = value.adjusted() - len(digits) + 1 + spare
    return value if lowest >= -SCALE and value.adjusted() < _WHOLE_DIGITS else None
