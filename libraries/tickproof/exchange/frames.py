"""Frames as Binance documents them: field order, types and units.

Source: Binance Spot API documentation, "WebSocket Streams", sections Trade Streams and Server Shutdown.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict

import numpy as np
import numpy.typing as npt
import pyarrow as pa


class TimeUnit(StrEnum):
    """The unit of all times on one connection (`timeUnit` in its URL)."""

    MILLISECOND = "ms"
    MICROSECOND = "us"

    @property
    def nanoseconds(self) -> int:
        """How many nanoseconds one of this unit has."""
        return 1_000_000 if self is TimeUnit.MILLISECOND else 1_000


class TradeRow(TypedDict):
    """One row of a plan as Python values: what `table.slice(i, 1).to_pylist()[0]` gives."""

    symbol: str
    trade_id: int
    price_text: str
    quantity_text: str
    event_time_ns: int
    venue_time_ns: int
    buyer_is_maker: bool


@dataclass(frozen=True, slots=True)
class Wire:
    """Frames back to back in one buffer, so that all that are due go out in one write.

    Attributes:
        data: the frames, WebSocket headers included.
        offsets: int64, one longer than the number of frames: frame i is `data[offsets[i]:offsets[i + 1]]`.
    """

    data: memoryview
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def span(self, first: int, behind: int) -> memoryview:
        """Return frames `first` to `behind` - 1 as one piece."""
        return self.data[self.offsets[first] : self.offsets[behind]]


def stream_name(symbol: str) -> str:
    """Return the name of a symbol's trade stream.

    >>> stream_name("BTCUSDT")
    'btcusdt@trade'
    """
    return f"{symbol.lower()}@trade"


def trade_frame(row: TradeRow, *, combined: bool, unit: TimeUnit = TimeUnit.MILLISECOND) -> bytes:
    """Return the payload of one trade event, wrapped as a combined stream's if asked."""
    raise NotImplementedError


def wrap(symbol: str, payload: bytes, *, combined: bool) -> bytes:
    """Return a payload as it looks on a raw or on a combined stream of this symbol."""
    raise NotImplementedError


def shutdown_frame(at_ns: int, *, combined: bool, unit: TimeUnit = TimeUnit.MILLISECOND) -> bytes:
    """Return the payload of the `serverShutdown` event."""
    raise NotImplementedError


def payloads(
    table: pa.Table, *, combined: bool, unit: TimeUnit = TimeUnit.MILLISECOND
) -> pa.LargeStringArray:
    """Return the payloads of all rows of a plan, in bulk; the same bytes as `trade_frame` row by row."""
    raise NotImplementedError


def framed(texts: pa.LargeStringArray) -> Wire:
    """Return payloads as unmasked WebSocket text frames (RFC 6455, section 5.2), back to back."""
    raise NotImplementedError
