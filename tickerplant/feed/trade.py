"""One trade as it travels in Kafka, and the limits that a number must keep to be stored exactly."""

import re
from typing import Literal

import msgspec

LARGEST_ID = 2**63 - 1

# 20 digits before the point and 18 behind it: what decimal(38,18) holds.
_PLAIN = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,18})?")
_ZERO = re.compile(r"[0.]+")

# Years 2000 to 2200 in microseconds: a time read in the wrong unit falls far outside.
EARLIEST_US, LATEST_US = 946_684_800_000_000, 7_258_118_400_000_000

Source = Literal["live", "rest"]
Side = Literal["buy", "sell"]


class Trade(msgspec.Struct, gc=False):
    """A trade; its fields in this order are the JSON of the topic.

    Price and quantity are the venue's own text, untouched.
    """

    symbol: str
    trade_id: int
    price: str
    quantity: str
    event_time_us: int
    venue_time_us: int
    side: Side
    source: Source
    ingest_time_us: int


class Refused(msgspec.Struct, gc=False):
    """A row of the venue's history that cannot be taken as a trade: its bytes, and a short code for the reason."""

    trade_id: int | None
    payload: bytes
    reason: str


Row = Trade | Refused


class RefusedError(Exception):
    """What came from the venue cannot be taken as a trade; `reason` is a short code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def check(price: str, quantity: str, event_time_us: int, venue_time_us: int) -> None:
    """Refuse numbers that could not be stored exactly, or that no trade can have.

    Raises:
        RefusedError: With the reason's code.
    """
    if not _PLAIN.fullmatch(price):
        raise RefusedError("negative-price" if _is_negative(price) else "not-a-number-price")
    if not _PLAIN.fullmatch(quantity):
        raise RefusedError("negative-size" if _is_negative(quantity) else "not-a-number-size")
    if _ZERO.fullmatch(quantity):
        raise RefusedError("zero-size")
    if not (EARLIEST_US <= event_time_us < LATEST_US and EARLIEST_US <= venue_time_us < LATEST_US):
        raise RefusedError("time-out-of-range")


def _is_negative(text: str) -> bool:
    return text.startswith("-") and _PLAIN.fullmatch(text, 1) is not None
