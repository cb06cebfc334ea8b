from decimal import Context, Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickerplant.api.encoder import decimal_texts
from tickerplant.api.exact import (
    decimal_text,
    decimals,
    greatest,
    least,
    rounded_quotient,
    sums,
    sums_of_products,
    wide,
)

UNITS = st.integers(-(10**38) + 1, 10**38 - 1) | st.integers(-(10**12), 10**12) | st.integers(0, 2 * 10**18)


def column(units: list[int]) -> pa.ChunkedArray:
    values = [Decimal(unit).scaleb(-18, Context(prec=60)) for unit in units]
    return pa.chunked_array([pa.array(values, pa.decimal128(38, 18))])


@settings(deadline=None)
@given(st.lists(UNITS, min_size=1, max_size=40), st.data())
def test_sums_products_and_extremes_of_runs_are_exact(units: list[int], data: st.DataObject) -> None:
    others = data.draw(st.lists(UNITS, min_size=len(units), max_size=len(units)))
    cuts = data.draw(st.sets(st.integers(1, len(units)), max_size=5)) - {len(units)}
    starts = [0, *sorted(cuts)]
    runs = [slice(a, b) for a, b in zip(starts, [*starts[1:], len(units)], strict=True)]
    left, right, at = wide(column(units)), wide(column(others)), np.array(starts)

    assert sums(left, at) == [sum(units[run]) for run in runs]
    assert greatest(left, at) == [max(units[run]) for run in runs]
    assert least(left, at) == [min(units[run]) for run in runs]
    products = [sum(a * b for a, b in zip(units[run], others[run], strict=True)) for run in runs]
    assert sums_of_products(left, right, at) == products


@settings(deadline=None)
@given(st.lists(UNITS, max_size=30), st.integers(0, 5))
def test_a_column_survives_the_way_to_whole_numbers_and_back(units: list[int], skipped: int) -> None:
    sliced = column(units).slice(skipped)
    assert decimals(wide(sliced)).to_pylist() == sliced.to_pylist()


@settings(deadline=None)
@given(st.lists(UNITS, min_size=1, max_size=30))
def test_texts_are_canonical_and_exact(units: list[int]) -> None:
    texts = decimal_texts(column(units)).to_pylist()
    assert texts == [decimal_text(unit) for unit in units]
    for text, unit in zip(texts, units, strict=True):
        assert Decimal(text) == Decimal(unit).scaleb(-18, Context(prec=60))
        assert "E" not in text
        assert not text.endswith(".")
        assert "." not in text or not text.endswith("0")
        assert text != "-0"


@pytest.mark.parametrize(
    ("numerator", "denominator", "quotient"),
    [(5, 2, 2), (7, 2, 4), (-5, 2, -2), (-7, 2, -4), (10, 3, 3), (11, 3, 4), (-11, 3, -4), (0, 7, 0)],
)
def test_a_quotient_is_rounded_half_to_even(numerator: int, denominator: int, quotient: int) -> None:
    assert rounded_quotient(numerator, denominator) == quotient
