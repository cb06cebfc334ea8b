"""Numbers as the venue writes them: exact decimal texts, made from integers and never from floats."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Integers = npt.NDArray[np.int64]

LONGEST = 18
"""Digits that every int64 can hold, before the point and again behind it."""


def decimal_texts(scaled: Integers, decimals: int) -> pa.StringArray:
    """Return whole numbers of 10^-decimals as texts with exactly that many decimals.

    >>> decimal_texts(np.array([5, 1234]), 3).to_pylist()
    ['0.005', '1.234']
    """
    digits = pc.cast(pa.array(scaled), pa.string())
    if decimals == 0:
        return digits
    padded = pc.utf8_lpad(digits, decimals + 1, "0")
    whole = pc.utf8_slice_codeunits(padded, 0, -decimals)
    return pc.binary_join_element_wise(whole, pc.utf8_slice_codeunits(padded, -decimals), ".")


def edge_texts(random: np.random.Generator, count: int, *, scale: int, integer_digits: int) -> pa.StringArray:
    """Draw numbers at the edges of what a column of this width must hold; none of them is 0.

    The least (10^-scale and 1e-8) and the greatest, with and without a point, with trailing zeros, whole
    numbers that carry decimals, and random digits of several widths. The first numbers show each of these.

    Args:
        random: where they are drawn from.
        count: how many.
        scale: digits behind the point, at most 18.
        integer_digits: digits before the point; more than 18 are not used.
    """
    widest = min(integer_digits, LONGEST)
    short = min(scale, 8)
    shapes = [
        _least(scale),
        _least(short),
        _greatest(widest, scale),
        _greatest(widest, 0),
        _digits(widest, scale),
        _digits(min(5, widest), short),
        _digits(1, scale),
        _digits(min(3, widest), scale, zeros=scale // 2),
        _digits(min(6, widest), scale, zeros=scale),
    ]
    chosen = np.concatenate([np.arange(len(shapes)), random.integers(0, len(shapes), count)])[:count]
    texts = [_texts(random, int(np.sum(chosen == number)), shape) for number, shape in enumerate(shapes)]
    place = np.empty(count, dtype=np.int64)
    place[np.argsort(chosen, kind="stable")] = np.arange(count)
    return pa.concat_arrays(texts).take(pa.array(place))


# The lowest and highest whole part, the lowest and highest fraction in units of 10^-decimals, and decimals of
# which the last `zeros` are always 0.
_Shape = tuple[int, int, int, int, int, int]


def _least(decimals: int) -> _Shape:
    return (0, 0, 1, 1, decimals, 0) if decimals else (1, 1, 0, 0, 0, 0)


def _greatest(digits: int, decimals: int) -> _Shape:
    return (10**digits - 1, 10**digits - 1, 10**decimals - 1, 10**decimals - 1, decimals, 0)


def _digits(digits: int, decimals: int, *, zeros: int = 0) -> _Shape:
    return (10 ** (digits - 1), 10**digits - 1, 0, 10 ** (decimals - zeros) - 1, decimals, zeros)


def _texts(random: np.random.Generator, count: int, shape: _Shape) -> pa.StringArray:
    least, greatest, least_fraction, greatest_fraction, decimals, zeros = shape
    whole = pc.cast(pa.array(random.integers(least, greatest, count, endpoint=True)), pa.string())
    if decimals == 0:
        return whole
    fraction = random.integers(least_fraction, greatest_fraction, count, endpoint=True) * 10**zeros
    padded = pc.utf8_lpad(pc.cast(pa.array(fraction), pa.string()), decimals, "0")
    return pc.binary_join_element_wise(whole, padded, ".")
