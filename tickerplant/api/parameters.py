"""What may be asked: parameters with their published schemas, and refusals that say what is wanted."""

import re
from typing import Annotated

from fastapi import Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from tickerplant.api.bars import Interval
from tickerplant.api.encoder import Format
from tickerplant.api.problems import Problem, bad_parameter
from tickerplant.api.times import TimeTextError, parse_date, parse_instant

LIMIT_MOST = 10_000
LIMIT_DEFAULT = 1_000
SYMBOLS_MOST = 120  # the longest ones still fit into a URL
_SNAPSHOT_MOST = (1 << 63) - 1

_NUMBER = re.compile(r"[0-9]{1,19}", re.ASCII)
_HARMLESS = re.compile(r"[A-Za-z0-9_.-]{1,40}", re.ASCII)

_WISHES = {
    "symbol": "must be a symbol as the venue writes it, such as BTCUSDT",
    "limit": f"must be a whole number from 1 to {LIMIT_MOST}",
    "cursor": "must be a next_cursor of an earlier answer",
    "format": f"must be one of {', '.join(Format)}",
    "interval": f"must be one of {', '.join(Interval)}",
    "snapshot": "must be the id of a snapshot, as /v1/snapshots lists them",
}


def _whole(value: object) -> object:
    """Let plain digits through only: int() also takes blanks, underscores and other scripts' digits."""
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError
    return value


def _up_to(most: int) -> str:
    """Return the pattern of numbers up to `most`, so that what is published is exactly what is taken."""
    digits = str(most)
    shorter = f"[0-9]{{1,{len(digits) - 1}}}"
    below = [
        f"{digits[:at]}[0-{int(digit) - 1}][0-9]{{{len(digits) - at - 1}}}"
        for at, digit in enumerate(digits)
        if digit != "0"
    ]
    return f"^({'|'.join([shorter, *below, digits])})$"


def _instant(value: object) -> object:
    return parse_instant(value) if isinstance(value, str) else value


def _date(value: object) -> object:
    return parse_date(value) if isinstance(value, str) else value


Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9_.\-]{1,50}$", examples=["BTCUSDT"])]
Instant = Annotated[
    int,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-01-02T03:04:05.5Z"]}),
]
Day = Annotated[
    int,
    BeforeValidator(_date),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-01-02"]}),
]
SnapshotId = Annotated[
    int,
    BeforeValidator(_whole),
    Field(ge=0, le=_SNAPSHOT_MOST),
    WithJsonSchema({"type": "string", "pattern": _up_to(_SNAPSHOT_MOST)}),
]
Limit = Annotated[int, Field(ge=1, le=LIMIT_MOST), BeforeValidator(_whole)]
CursorText = Annotated[str, Field(min_length=1, max_length=2_048, pattern="^[A-Za-z0-9_-]+$")]

# None says "not given": it is no value that can be sent, so the published schema does not know it.
Nothing = SkipJsonSchema[None]

_START = Field(description="Only what happened at this instant or later, in any zone.")
_END = Field(description="Only what happened before this instant, in any zone.")
_AS_OF = Field(description="Answer as of this snapshot instead of the newest.")
_CURSOR = Field(description="Go on behind an earlier page; the other filters must be the same.")


class NoQuery(BaseModel):
    """A route without parameters in its query."""


class AsOf(BaseModel):
    """Parameters of routes that can look back."""

    snapshot: Annotated[SnapshotId | Nothing, _AS_OF] = None


class LatestQuery(AsOf):
    """Parameters of the latest trades."""

    symbol: Annotated[
        list[Symbol], Field(max_length=SYMBOLS_MOST, description="Only these; all when none.")
    ] = []


class TradesQuery(LatestQuery):
    """Parameters of trades."""

    start: Annotated[Instant | Nothing, _START] = None
    end: Annotated[Instant | Nothing, _END] = None
    limit: Annotated[Limit, Field(description="Rows of a page.")] = LIMIT_DEFAULT
    cursor: Annotated[CursorText | Nothing, _CURSOR] = None
    format: Annotated[Format, Field(description="Form of the rows.")] = Format.JSON


class BarsQuery(AsOf):
    """Parameters of bars; `start` and `end` speak of the bars' own starts, so that every bar is whole."""

    symbol: Symbol
    interval: Interval
    start: Annotated[Instant | Nothing, _START] = None
    end: Annotated[Instant | Nothing, _END] = None
    limit: Annotated[Limit, Field(description="Bars of a page.")] = LIMIT_DEFAULT
    cursor: Annotated[CursorText | Nothing, _CURSOR] = None


NoQueryAsked = Annotated[NoQuery, Query()]
AsOfAsked = Annotated[AsOf, Query()]
LatestAsked = Annotated[LatestQuery, Query()]
TradesAsked = Annotated[TradesQuery, Query()]
BarsAsked = Annotated[BarsQuery, Query()]
SymbolInPath = Annotated[Symbol, Path()]
DayInPath = Annotated[Day, Path()]


def check_names(request: Request, known: type[BaseModel]) -> None:
    """Refuse parameters that the route does not know, and single ones given twice.

    Raises:
        Problem: 400.
    """
    lists = {name for name, field in known.model_fields.items() if field.annotation == list[Symbol]}
    seen = set()
    for name, _ in request.query_params.multi_items():
        if name not in known.model_fields:
            shown = name if _HARMLESS.fullmatch(name) else "A name in the query"
            allowed = ", ".join(sorted(known.model_fields)) or "none"
            raise bad_parameter(shown, f"is no parameter of this route; it knows: {allowed}")
        if name in seen and name not in lists:
            raise bad_parameter(name, "may be given once only")
        seen.add(name)


def refusal(error: RequestValidationError) -> Problem:
    """Return the 400 for the first value that broke its schema; it names the parameter and never the value."""
    first = error.errors()[0]
    name = next((part for part in first["loc"][1:] if isinstance(part, str)), "A parameter")
    if first["type"] == "missing":
        return bad_parameter(name, "is needed")
    if first["type"] == "too_long" and name == "symbol":
        return bad_parameter(name, f"may be given at most {SYMBOLS_MOST} times")
    cause = first.get("ctx", {}).get("error")
    usual = _WISHES.get(name, "has a value that is not allowed")
    return bad_parameter(name, str(cause) if isinstance(cause, TimeTextError) else usual)


def check_range(start: int | None, end: int | None) -> None:
    """Refuse a range that ends before it begins; one that ends where it begins is empty.

    Raises:
        Problem: 400.
    """
    if start is not None and end is not None and start > end:
        raise bad_parameter("start", "must not be later than end")
