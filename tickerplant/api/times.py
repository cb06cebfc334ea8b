"""Instants on the wire: RFC 3339 in, whole microseconds since 1970 inside, RFC 3339 in UTC out."""

import re
from calendar import monthrange

US_PER_SECOND = 1_000_000
US_PER_DAY = 86_400 * US_PER_SECOND

_INSTANT = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,18}))?([Zz]|([+-])(\d{2}):(\d{2}))?",
    re.ASCII,
)
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)

WANTED = "must be an RFC 3339 time with a zone, such as 2026-01-02T03:04:05.5Z or 2026-01-02T10:04:05%2B07:00"


class TimeTextError(ValueError):
    """The text is no instant or no date; the message says what is wanted, and never repeats the text."""


def parse_instant(text: str) -> int:
    """Return an RFC 3339 time as microseconds since 1970, rounded up to a whole one.

    Rounding up is exact for ranges over whole microseconds: t >= x and t < x mean the same for x and for its
    ceiling. Every year from 0000 to 9999 and every offset is served; second 60 is the next minute's first.

    Raises:
        TimeTextError: `text` is no such time, or names no zone.
    """
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise TimeTextError(WANTED)
    year, month, day, hour, minute, second = (int(found[group]) for group in range(1, 7))
    if hour > 23 or minute > 59 or second > 60:
        raise TimeTextError(WANTED)
    if found[8] is None:
        raise TimeTextError("names no zone, so no instant; end it with Z or an offset such as %2B07:00")
    seconds = day_number(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - _offset(found)
    fraction = (found[7] or "").ljust(18, "0")
    return seconds * US_PER_SECOND - (-int(fraction) // 10**12)


def parse_date(text: str) -> int:
    """Return the first microsecond of a day in UTC.

    Raises:
        TimeTextError: `text` is not a date such as 2026-01-02.
    """
    found = _DATE.fullmatch(text)
    if found is None:
        raise TimeTextError("must be a date such as 2026-01-02")
    return day_number(int(found[1]), int(found[2]), int(found[3])) * US_PER_DAY


def day_number(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01, in the Gregorian calendar extended both ways.

    Raises:
        TimeTextError: There is no such day.
    """
    # The calendar repeats every 400 years; the library knows no year 0.
    if not 1 <= month <= 12 or not 1 <= day <= monthrange(year % 400 + 400, month)[1]:
        raise TimeTextError("names a day that is not in the calendar")
    shifted = year - (month <= 2)
    era, of_era = divmod(shifted, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def instant_text(us: int) -> str:
    """Write microseconds since 1970 as RFC 3339 in UTC, always with six digits of the second."""
    days, of_day = divmod(us, US_PER_DAY)
    seconds, micros = divmod(of_day, US_PER_SECOND)
    clock = f"{seconds // 3_600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{micros:06d}"
    return f"{date_text(days)}T{clock}Z"


def date_text(days: int) -> str:
    """Write a day, counted from 1970-01-01, as YYYY-MM-DD."""
    shifted = days + 719_468
    era, of_era = divmod(shifted, 146_097)
    year_of_era = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_index = (5 * of_year + 2) // 153
    day = of_year - (153 * month_index + 2) // 5 + 1
    month = month_index + 3 if month_index < 10 else month_index - 9
    return f"{year_of_era + era * 400 + (month <= 2):04d}-{month:02d}-{day:02d}"


def _offset(found: re.Match[str]) -> int:
    if found[9] is None:
        return 0
    hours, minutes = int(found[10]), int(found[11])
    if hours > 23 or minutes > 59:
        raise TimeTextError(WANTED)
    return (hours * 3_600 + minutes * 60) * (-1 if found[9] == "-" else 1)
