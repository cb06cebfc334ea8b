"""Text to decimal(38,18), exactly: what would have to be rounded is refused, not rounded."""

import decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tickerplant.lake.schema import PRECISION, SCALE

TYPE = pa.decimal128(PRECISION, SCALE)
_ZERO = pa.scalar(0, TYPE)

NOT_A_NUMBER = "not-a-number-price"
INEXACT = "inexact-number"


def exact(texts: pa.Array) -> tuple[pa.Array, dict[int, str]]:
    """Convert texts without nulls into decimals.

    Returns:
        The decimals, null where a text was refused, and the reason of each refusal by its row.
    """
    try:
        return texts.cast(TYPE), {}
    except pa.ArrowInvalid:
        pass
    refused: dict[int, str] = {}
    values: list[decimal.Decimal | None] = []
    for row, text in enumerate(texts.to_pylist()):
        value, reason = _one(text)
        values.append(value)
        if reason:
            refused[row] = reason
    return pa.array(values, TYPE), refused


def _one(text: str) -> tuple[decimal.Decimal | None, str]:
    try:
        value = pa.array([text]).cast(TYPE)[0].as_py()
    except pa.ArrowInvalid:
        return None, INEXACT if _is_number(text) else NOT_A_NUMBER
    return value, ""


def _is_number(text: str) -> bool:
    try:
        return (
            text.isascii() and text == text.strip() and "_" not in text and decimal.Decimal(text).is_finite()
        )
    except decimal.InvalidOperation:
        return False


def negative(values: pa.Array) -> npt.NDArray[np.bool_]:
    """Tell for each decimal whether it is below zero; nulls are not."""
    below: npt.NDArray[np.bool_] = np.asarray(pc.less(values, _ZERO).fill_null(fill_value=False))
    return below
