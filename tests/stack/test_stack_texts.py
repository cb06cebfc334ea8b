"""Durations, amounts and variables as Compose writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tickproof.stack import interpolation, units


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("1m30s", 90), ("100ms", 0.1), ("2.5s", 2.5), ("1h5m30s20ms", 3930.02), ("500us", 0.0005)],
)
def test_a_duration_is_read_as_compose_reads_it(text: str, seconds: float) -> None:
    assert units.seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "10", "s", "ten seconds", "10 s", "-1s", "1d", "10s "])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        units.seconds(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("512m", 512 << 20), ("1g", 1 << 30), ("1GB", 1 << 30), ("64k", 65536), ("100", 100), ("1.5m", 3 << 19)],
)
def test_an_amount_is_read_as_compose_reads_it(text: str, size: int) -> None:
    assert units.amount(text) == size


@pytest.mark.parametrize("text", ["", "m", "1t", "-1m", "1 m"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="memory"):
        units.amount(text)


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("${A}", "1"),
        ("x${A}y${B:-2}z", "x1y2z"),
        ("${A:-9}", "1"),
        ("${EMPTY:-9}", "9"),
        ("${EMPTY}", ""),
        ("$$", "$"),
        ("$${A}", "${A}"),
        ("$$$${A}", "$${A}"),
        ("$$${A}", "$1"),
        ("${B:-}", ""),
        ("${B:-http://x:1/?a=b}", "http://x:1/?a=b"),
        ("plain", "plain"),
    ],
)
def test_variables_are_filled_in(template: str, filled: str) -> None:
    assert interpolation.fill(template, {"A": "1", "EMPTY": ""}) == filled


@pytest.mark.parametrize(
    "template", ["$A", "${A-x}", "${A:?no}", "${A:+x}", "${}", "${A", "$", "a $ b", "${A:-${B}}"]
)
def test_other_forms_of_variables_are_refused_by_name(template: str) -> None:
    with pytest.raises(ValueError, match="which is not supported"):
        interpolation.fill(template, {"A": "1"})
    with pytest.raises(ValueError, match="which is not supported"):
        interpolation.names(template)


def test_a_variable_without_value_and_default_is_named() -> None:
    with pytest.raises(KeyError, match="MISSING"):
        interpolation.fill("${MISSING}", {})
    assert interpolation.names("${MISSING} ${OTHER:-1}") == {"MISSING"}
    assert interpolation.mentioned(["${MISSING}", "${OTHER:-1}"]) == {"MISSING", "OTHER"}


@given(st.text())
def test_any_text_survives_when_its_dollars_are_doubled(text: str) -> None:
    assert interpolation.fill(text.replace("$", "$$"), {}) == text
