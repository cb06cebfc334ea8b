"""Exact arithmetic on columns of 128-bit decimals: no float, no overflow, no loop over rows.

A column is held as the two halves of its 128-bit whole numbers, counted in units of 10^-18. Sums are made of
16-bit limbs: 2^31 of them fit an int64 with room to spare, and the limbs' sums are put together as Python's
unbounded ints. So the sum of a billion largest decimals, or of their products, is exact.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

SCALE = 18
_LIMB = 16
_MASK = (1 << _LIMB) - 1

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Wide:
    """A column of signed 128-bit whole numbers.

    Args:
        high: The upper 64 bits, signed.
        low: The lower 64 bits, unsigned.
    """

    high: Ints
    low: Words

    def __len__(self) -> int:
        return len(self.high)

    def __getitem__(self, rows: npt.NDArray[np.int64] | slice) -> "Wide":
        return Wide(self.high[rows], self.low[rows])

    def integer(self, row: int) -> int:
        """Return one number as a Python int."""
        return (int(self.high[row]) << 64) | int(self.low[row])

    def limbs(self) -> list[Ints]:
        """Return 16-bit digits, least first; the topmost carries the sign. Leading zeros are left out."""
        limbs = [
            ((self.low >> np.uint64(s)) & np.uint64(_MASK)).astype(np.int64) for s in range(0, 64, _LIMB)
        ]
        limbs += [(self.high >> s) & _MASK for s in range(0, 48, _LIMB)]
        limbs.append(self.high >> 48)
        while len(limbs) > 1 and not limbs[-1].any():
            limbs.pop()
        return limbs


def wide(column: pa.Array | pa.ChunkedArray) -> Wide:
    """Return a column of decimal128 as whole numbers of its unit, without copying more than the halves."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    halves = [_halves(chunk) for chunk in chunks if len(chunk)]
    if not halves:
        return Wide(np.empty(0, np.int64), np.empty(0, np.uint64))
    return concatenate(halves)


def concatenate(columns: list[Wide]) -> Wide:
    """Put columns one behind the other."""
    if len(columns) == 1:
        return columns[0]
    return Wide(np.concatenate([c.high for c in columns]), np.concatenate([c.low for c in columns]))


def decimals(column: Wide) -> pa.Array:
    """Return the column as Arrow decimal128(38, 18)."""
    words = np.empty((len(column), 2), np.uint64)
    words[:, 0] = column.low
    words[:, 1] = column.high.view(np.uint64)
    return pa.Array.from_buffers(pa.decimal128(38, SCALE), len(column), [None, pa.py_buffer(words)])


def sums(column: Wide, starts: Ints) -> list[int]:
    """Add up each run of rows; run i begins at row starts[i] and ends where the next begins."""
    return _compose([np.add.reduceat(limb, starts) for limb in column.limbs()], len(starts))


def sums_of_products(left: Wide, right: Wide, starts: Ints) -> list[int]:
    """Add up left * right over each run of rows."""
    first, second = left.limbs(), right.limbs()
    digits = []
    for place in range(len(first) + len(second) - 1):
        pairs = range(max(0, place - len(second) + 1), min(place + 1, len(first)))
        digit = sum((first[i] * second[place - i] for i in pairs), np.int64(0))
        digits.append(np.add.reduceat(np.asarray(digit), starts))
    return _compose(digits, len(starts))


def greatest(column: Wide, starts: Ints) -> list[int]:
    """Return the greatest number of each run of rows."""
    high = np.maximum.reduceat(column.high, starts)
    among = column.high == np.repeat(high, _lengths(starts, len(column)))
    low = np.maximum.reduceat(np.where(among, column.low, np.uint64(0)), starts)
    return _join(high, low)


def least(column: Wide, starts: Ints) -> list[int]:
    """Return the least number of each run of rows."""
    high = np.minimum.reduceat(column.high, starts)
    among = column.high == np.repeat(high, _lengths(starts, len(column)))
    low = np.minimum.reduceat(np.where(among, column.low, np.uint64((1 << 64) - 1)), starts)
    return _join(high, low)


def decimal_text(number: int, scale: int = SCALE) -> str:
    """Write `number` * 10^-scale in canonical form: no exponent, no trailing zeros, no plus sign.

    >>> decimal_text(65_000_010_000_000_000_000_000)
    '65000.01'
    """
    sign = "-" if number < 0 else ""
    whole, part = divmod(abs(number), 10**scale)
    fraction = f"{part:0{scale}d}".rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def rounded_quotient(numerator: int, denominator: int) -> int:
    """Divide exactly, then round to the nearest whole number, a tie to the even one; denominator > 0."""
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and quotient % 2):
        quotient += 1
    return quotient


def _halves(chunk: pa.Array) -> Wide:
    words = np.frombuffer(chunk.buffers()[1], np.uint64)
    words = words[2 * chunk.offset : 2 * (chunk.offset + len(chunk))].reshape(-1, 2)
    return Wide(np.ascontiguousarray(words[:, 1]).view(np.int64), np.ascontiguousarray(words[:, 0]))


def _lengths(starts: Ints, rows: int) -> Ints:
    return np.diff(np.append(starts, rows))


def _compose(digits: list[Ints], runs: int) -> list[int]:
    totals = [0] * runs
    for place, digit in enumerate(digits):
        for run, value in enumerate(digit.tolist()):
            totals[run] += value << (_LIMB * place)
    return totals


def _join(high: Ints, low: Words) -> list[int]:
    return [(h << 64) | lo for h, lo in zip(high.tolist(), low.tolist(), strict=True)]
