"""Exact decimals from whatever a hop's numbers are, or a refusal that names the row."""

import decimal
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from tickproof.ledger.schemas import DECIMAL
from tickproof.probes.errors import UnreadableRowError

# pyarrow 26 wraps around in silence on more than 20 digits before the point and on some exponents ("1e30"
# becomes 18960114910927365649.47...), so only texts of this form may take its fast way.
_PLAIN = r"^[+-]?(?:\d{1,20}(?:\.\d{0,18})?|\.\d{1,18})$"

_STEP = decimal.Decimal(1).scaleb(-DECIMAL.scale)
_EXACT = decimal.Context(
    prec=DECIMAL.precision,
    Emin=decimal.MIN_EMIN,
    Emax=decimal.MAX_EMAX,
    traps=[decimal.Inexact, decimal.InvalidOperation],
)
_RULE = "20 digits before the point and 18 after it"


def exact(values: pa.ChunkedArray, name: str, where: Callable[[int], str]) -> pa.ChunkedArray:
    """Make decimals with 18 digits after the point; a value that would have to be rounded is refused.

    Args:
        values: Texts, or decimals of any width.
        name: What the values are, for messages: ``price``.
        where: Says where the row with this number stands: ``partition 3, offset 17``.

    Returns:
        The same numbers as decimal128(38, 18).

    Raises:
        UnreadableRowError: A value is no number or has too many digits; names the first such row.
    """
    if pa.types.is_decimal(values.type):
        try:
            return pc.cast(values, DECIMAL)
        except pa.ArrowInvalid:
            return _one_by_one(pc.cast(values, pa.string()), name, where)
    if not len(values) or pc.all(pc.match_substring_regex(values, _PLAIN)).as_py():
        return pc.cast(values, DECIMAL)
    return _one_by_one(values, name, where)


def _one_by_one(texts: pa.ChunkedArray, name: str, where: Callable[[int], str]) -> pa.ChunkedArray:
    """Convert texts of unusual form by Python's own decimals; slow and sure."""
    numbers: list[decimal.Decimal | None] = []
    for n, text in enumerate(texts.to_pylist()):
        number = None if text is None else _number(text)
        if number is not None and not number.is_finite():
            raise UnreadableRowError(f'{name} should be a number, but is "{text}" ({where(n)}).')
        try:
            numbers.append(None if number is None else number.quantize(_STEP, context=_EXACT))
        except (decimal.Inexact, decimal.InvalidOperation):
            raise UnreadableRowError(
                f"{name} should fit into {_RULE} without rounding, but is {text} ({where(n)})."
            ) from None
    return pa.chunked_array([pa.array(numbers, DECIMAL)])


def _number(text: str) -> decimal.Decimal:
    """Read a number; whatever Python takes but no venue writes (blanks, underscores) counts as no number."""
    if not text.isascii() or "_" in text or text != text.strip():
        return decimal.Decimal("NaN")
    try:
        return decimal.Decimal(text)
    except decimal.InvalidOperation:
        return decimal.Decimal("NaN")
