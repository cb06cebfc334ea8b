from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickerplant.api.times import TimeTextError, date_text, instant_text, parse_date, parse_instant

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@settings(deadline=None)
@given(st.datetimes(timezones=ZONES))
def test_an_instant_in_any_zone_is_read_as_python_reads_it(when: datetime) -> None:
    assert parse_instant(when.isoformat()) == (when - EPOCH) // timedelta(microseconds=1)


@settings(deadline=None)
@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_is_written_as_it_is_read(when: datetime) -> None:
    text = when.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert instant_text(parse_instant(text)) == text


@settings(deadline=None)
@given(st.integers(-719_468 - 60, 2_932_896))
def test_a_date_is_written_as_it_is_read(day: int) -> None:
    assert parse_date(date_text(day)) == day * 86_400_000_000


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-01-02T03:04:05.000001000Z", "2026-01-02T03:04:05.000001Z"),
        ("2026-01-02T03:04:05.000001001Z", "2026-01-02T03:04:05.000002Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
        ("2026-01-02t03:04:05z", "2026-01-02T03:04:05.000000Z"),
        ("2024-02-29T00:00:00+14:00", "2024-02-28T10:00:00.000000Z"),
    ],
)
def test_fractions_are_rounded_up_and_odd_spellings_are_read(text: str, same: str) -> None:
    assert instant_text(parse_instant(text)) == same


@pytest.mark.parametrize(
    "text", ["0000-01-01T00:00:00+23:59", "0000-02-29T00:00:00Z", "9999-12-31T23:59:60-23:59"]
)
def test_the_outermost_years_are_served(text: str) -> None:
    parse_instant(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-02",
        "2026-01-02T03:04:05",
        "2026-01-02 03:04:05Z",
        "2026-01-02T03:04:05 07:00",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-02T24:00:00Z",
        "2026-01-02T00:60:00Z",
        "2026-01-02T00:00:61Z",
        "2026-01-02T00:00:00+24:00",
        "2026-01-02T00:00:00+00:60",
        "2026-01-02T00:00:00.Z",
        "٢٠٢٦-01-02T00:00:00Z",
        "2026-01-02T00:00:00Z\n",
        "12026-01-02T00:00:00Z",
        "1767323045",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(TimeTextError):
        parse_instant(text)


@pytest.mark.parametrize(
    "text", ["", "2026-1-2", "2026-02-30", "20260102", "2026-01-02T00:00:00Z", "2026-01-02\n"]
)
def test_no_other_date_is_read(text: str) -> None:
    with pytest.raises(TimeTextError):
        parse_date(text)
