from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tickproof.ledger.schemas import DECIMAL
from tickproof.probes.errors import UnreadableRowError
from tickproof.probes.exact import exact


def exactly(*texts: str | None) -> list[Decimal | None]:
    return exact(pa.chunked_array([pa.array(texts, pa.string())]), "price", "row {}".format).to_pylist()


@pytest.mark.parametrize(
    "text",
    [
        "1.5",
        "0.00000001",
        "99999999999999999999.999999999999999999",
        "-0.1",
        "+1",
        ".5",
        "5.",
        "007",
        "1e-8",
        "1E5",
        "0e99",
        "1.50000000000000000000000000",
        "0" * 60 + "1",
    ],
)
def test_a_number_stays_what_it_is(text: str) -> None:
    assert exactly(text) == [Decimal(text)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0.0000000000000000001", "without rounding"),
        ("1e-19", "without rounding"),
        ("100000000000000000000", "without rounding"),
        # pyarrow alone makes 18960114910927365649.47 of it
        ("1e30", "without rounding"),
        ("-600070587523793365744241998189799831717882158693817311749840.69", "without rounding"),
        ("304221296421329636406094000700066805109962025107643956850000000", "without rounding"),
        ("1e400", "without rounding"),
        ("abc", "a number"), ("", "a number"), (" 1", "a number"), ("1_0", "a number"), ("nan", "a number"),
        ("Infinity", "a number"), ("1,5", "a number"), ("٣", "a number"), ("0x1", "a number"),
    ],
)  # fmt: skip
def test_what_would_be_rounded_or_is_no_number_is_refused_by_row(text: str, reason: str) -> None:
    with pytest.raises(UnreadableRowError, match=rf"price should .*{reason}.*\(row 1\)"):
        exactly("1.5", text, "2")


def test_nothing_stays_nothing() -> None:
    assert exactly(None, "1", None) == [None, Decimal(1), None]
    assert exactly(None, "1e1") == [None, Decimal(10)]
    assert exactly() == []


def test_decimals_of_another_width_are_taken_when_they_fit() -> None:
    narrow = pa.chunked_array([pa.array([Decimal("1.5"), None], pa.decimal128(18, 8))])
    assert exact(narrow, "price", str).to_pylist() == [Decimal("1.5"), None]
    deep = pa.chunked_array([pa.array([Decimal("0.12345678901234567891")], pa.decimal128(38, 20))])
    with pytest.raises(UnreadableRowError, match=r"0\.12345678901234567891 \(0\)"):
        exact(deep, "price", str)
    wide = pa.chunked_array([pa.array([Decimal("1" * 30)], pa.decimal256(60, 8))])
    with pytest.raises(UnreadableRowError, match="without rounding"):
        exact(wide, "price", str)


_DIGITS = st.text("0123456789", max_size=45)


@given(st.sampled_from(["", "-", "+"]), _DIGITS, _DIGITS, st.sampled_from(["", "e5", "E-3", "e25"]))
def test_whatever_is_taken_equals_what_was_written(sign: str, whole: str, part: str, exponent: str) -> None:
    text = f"{sign}{whole}.{part}{exponent}"
    if not whole and not part:
        return
    number = Decimal(text)
    fits = abs(number) < Decimal(10) ** 20 and number == round_down(number)
    if fits:
        assert exactly(text) == [number]
    else:
        with pytest.raises(UnreadableRowError):
            exactly(text)


def round_down(number: Decimal) -> Decimal:
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    cut = -DECIMAL.scale - exponent
    if cut <= 0:
        return number
    kept = digits[:-cut] if cut < len(digits) else (0,)
    return Decimal((sign, kept, exponent + cut))
