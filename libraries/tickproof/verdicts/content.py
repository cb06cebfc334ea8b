"""The values that were sent, a column a field, and their exact comparison with what was seen.

A decimal is 16 bytes of one scale: two values are equal when their bytes are. No value becomes a float on the
way.
"""

from decimal import Decimal
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tickproof.ledger.schemas import TRADE
from tickproof.verdicts.growing import Growing
from tickproof.verdicts.vocabulary import UNKNOWN, Vocabulary

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[Any]

UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
NOTHING = "nothing"
WORD = 8


class Column(Protocol):
    """The values of one field, by row."""

    def append(self, array: pa.Array) -> None:
        """Add values at the end."""

    def differs(self, rows: Rows, array: pa.Array) -> Mask | None:
        """Tell which values differ from those kept in these rows; None: no one does."""

    def differs_within(self, rows: Rows, others: Rows) -> Mask:
        """Tell which kept values differ from those kept in other rows."""

    def text(self, row: int) -> str:
        """Return a kept value for people."""


class ExactColumn:
    """Decimals or times: values of one or two 8-byte words.

    Args:
        words: How many words a value has.
        capacity: How many values are expected.
        cut: Times are cut to a multiple of this before they are compared.
        cut_seen: Cut what is seen as well, not only what is kept.
    """

    def __init__(self, words: int, capacity: int, *, cut: int = 1, cut_seen: bool = False) -> None:
        self._words = words
        self._values = Growing(np.int64, capacity * words)
        self._nulls: Growing | None = None
        self._cut = cut
        self._cut_seen = cut_seen

    def append(self, array: pa.Array) -> None:
        """Add values at the end."""
        if array.null_count and self._nulls is None:
            self._nulls = Growing(np.bool_)
            self._nulls.append(np.zeros(len(self._values) // self._words, bool))
        if self._nulls is not None:
            self._nulls.append(_nulls(array))
        self._values.append(self._raw(array))

    def differs(self, rows: Rows, array: pa.Array) -> Mask | None:
        """Tell which values differ from those kept in these rows; None: no one does."""
        raw = self._raw(array)
        unequal = self._kept(rows) != (self._cut_down(raw) if self._cut_seen else raw)
        return self._mask(unequal, self._nulls_at(rows), _nulls(array) if array.null_count else None)

    def differs_within(self, rows: Rows, others: Rows) -> Mask:
        """Tell which kept values differ from those kept in other rows."""
        unequal = self._kept(rows) != self._kept(others)
        mask = self._mask(unequal, self._nulls_at(rows), self._nulls_at(others))
        return np.zeros(len(rows), bool) if mask is None else mask

    def text(self, row: int) -> str:
        """Return a kept value for people."""
        if self._nulls is not None and self._nulls.array()[row]:
            return NOTHING
        kept = self._kept(np.array([row]))
        return time_text(int(kept[0])) if self._words == 1 else decimal_text(_decimal(kept))

    def _raw(self, array: pa.Array) -> npt.NDArray[np.int64]:
        """Return the words of an Arrow array; what stands in the place of a null is arbitrary."""
        words = np.frombuffer(array.buffers()[1], np.int64)
        return words[array.offset * self._words : (array.offset + len(array)) * self._words]

    def _kept(self, rows: Rows) -> npt.NDArray[np.int64]:
        whole = self._values.array().view(f"V{WORD * self._words}")
        return self._cut_down(whole.take(rows).view(np.int64))

    def _cut_down(self, values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return values if self._cut == 1 else values // self._cut * self._cut

    def _nulls_at(self, rows: Rows) -> Mask | None:
        return None if self._nulls is None else self._nulls.array().take(rows)

    def _mask(self, unequal: Mask, left: Mask | None, right: Mask | None) -> Mask | None:
        if left is None and right is None and not unequal.any():
            return None
        mask: Mask = np.logical_or.reduce(unequal.reshape(-1, self._words), axis=1)
        if left is not None or right is not None:
            none: Mask = np.zeros(len(mask), bool)
            left, right = none if left is None else left, none if right is None else right
            mask &= ~(left | right)
            mask |= left ^ right
        return mask if mask.any() else None


class WordColumn:
    """A column of few words, kept as numbers."""

    def __init__(self, capacity: int) -> None:
        self._words = Vocabulary()
        self._codes = Growing(np.int32, capacity)

    def append(self, array: pa.Array) -> None:
        """Add values at the end."""
        self._codes.append(self._words.learn(array))

    def differs(self, rows: Rows, array: pa.Array) -> Mask | None:
        """Tell which values differ from those kept in these rows; None: no one does."""
        codes = self._words.look_up(array)
        kept = self._codes.array().take(rows)
        unequal = kept != codes
        both_unknown = codes == UNKNOWN  # an unknown word equals no null
        if both_unknown.any():
            unequal |= both_unknown & ~((kept == UNKNOWN) & _nulls(array))
        return unequal if unequal.any() else None

    def differs_within(self, rows: Rows, others: Rows) -> Mask:
        """Tell which kept values differ from those kept in other rows."""
        codes = self._codes.array()
        unequal: Mask = codes.take(rows) != codes.take(others)
        return unequal

    def text(self, row: int) -> str:
        """Return a kept value for people."""
        code = int(self._codes.array()[row])
        return NOTHING if code == UNKNOWN else self._words.word(code)


class TextColumn:
    """A column of text that differs from row to row."""

    def __init__(self) -> None:
        self._pieces: list[pa.Array] = []
        self._joined: pa.Array | None = None

    def append(self, array: pa.Array) -> None:
        """Add values at the end."""
        self._pieces.append(array.cast(pa.large_string()))

    def differs(self, rows: Rows, array: pa.Array) -> Mask | None:
        """Tell which values differ from those kept in these rows; None: no one does."""
        mask = _unequal(self._all().take(pa.array(rows)), array.cast(pa.large_string()))
        return mask if mask.any() else None

    def differs_within(self, rows: Rows, others: Rows) -> Mask:
        """Tell which kept values differ from those kept in other rows."""
        return _unequal(self._all().take(pa.array(rows)), self._all().take(pa.array(others)))

    def text(self, row: int) -> str:
        """Return a kept value for people."""
        value = self._all()[row].as_py()
        return NOTHING if value is None else str(value)

    def _all(self) -> pa.Array:
        if self._joined is None:
            self._joined = pa.concat_arrays(self._pieces)
            self._pieces.clear()
        return self._joined


def column_for(field: str, capacity: int, *, cut: int = 1, cut_seen: bool = False) -> Column:
    """Return an empty column for a field of a trade or of its venue's text."""
    if field not in TRADE.names:
        return TextColumn()
    kind = TRADE.field(field).type
    if pa.types.is_decimal(kind):
        return ExactColumn(2, capacity)
    if pa.types.is_timestamp(kind):
        return ExactColumn(1, capacity, cut=cut, cut_seen=cut_seen)
    return WordColumn(capacity)


def value_text(array: pa.Array, row: int) -> str:
    """Return a seen value for people."""
    if not array[row].is_valid:
        return NOTHING
    if pa.types.is_timestamp(array.type):
        return time_text(array[row].value)
    value = array[row].as_py()
    return decimal_text(value) if isinstance(value, Decimal) else str(value)


def decimal_text(value: Decimal) -> str:
    """Write a decimal plainly: no exponent, no zeros at the end."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def time_text(nanoseconds: int) -> str:
    """Write a time as RFC 3339 in UTC with as many digits as it needs, at least whole seconds."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    whole = str(np.datetime64(seconds, "s"))
    return f"{whole}.{fraction:09d}".rstrip("0").rstrip(".") + "Z"


def _decimal(words: npt.NDArray[np.int64]) -> Decimal:
    kind = TRADE.field("price").type
    value: Decimal = pa.Array.from_buffers(kind, 1, [None, pa.py_buffer(words)])[0].as_py()
    return value


def _nulls(array: pa.Array) -> Mask:
    mask: Mask = array.is_null().to_numpy(zero_copy_only=False)
    return mask


def _unequal(left: pa.Array, right: pa.Array) -> Mask:
    unequal = pc.fill_null(pc.not_equal(left, right), False)
    one_null = pc.xor(left.is_null(), right.is_null())
    mask: Mask = pc.or_(unequal, one_null).to_numpy(zero_copy_only=False)
    return mask
