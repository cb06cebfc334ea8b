"""Frames as Binance documents them: field order, types and units.

Source: Binance Spot API documentation, "WebSocket Streams", sections Trade Streams and Server Shutdown.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


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


def trade_payload(row: TradeRow, unit: TimeUnit = TimeUnit.MILLISECOND) -> bytes:
    """Return the payload of one trade event as a raw stream carries it."""
    return (
        f'{{"e":"trade","E":{row["venue_time_ns"] // unit.nanoseconds},"s":"{row["symbol"]}"'
        f',"t":{row["trade_id"]},"p":"{row["price_text"]}","q":"{row["quantity_text"]}"'
        f',"T":{row["event_time_ns"] // unit.nanoseconds}'
        f',"m":{"true" if row["buyer_is_maker"] else "false"},"M":true}}'
    ).encode()


def trade_frame(row: TradeRow, *, combined: bool, unit: TimeUnit = TimeUnit.MILLISECOND) -> bytes:
    """Return the payload of one trade event, wrapped as a combined stream's if asked."""
    return wrap(stream_name(row["symbol"]), trade_payload(row, unit), combined=combined)


def wrap(stream: str, payload: bytes, *, combined: bool) -> bytes:
    """Return a payload as it looks on a raw or on a combined stream of this name."""
    if not combined:
        return payload
    return b'{"stream":"%b","data":%b}' % (stream.encode(), payload)


def shutdown_frame(at_ns: int, *, combined: bool, unit: TimeUnit = TimeUnit.MILLISECOND) -> bytes:
    """Return the payload of the `serverShutdown` event."""
    payload = b'{"e":"serverShutdown","E":%d}' % (at_ns // unit.nanoseconds)
    return wrap("!serverShutdown", payload, combined=combined)


def payloads(
    table: pa.Table, *, combined: bool, unit: TimeUnit = TimeUnit.MILLISECOND
) -> pa.LargeStringArray:
    """Return the payloads of all rows of a plan, in bulk; the same bytes as `trade_frame` row by row."""
    symbols = table["symbol"].combine_chunks().dictionary_encode()
    names = symbols.dictionary.to_pylist()
    heads = [f'{{"stream":"{stream_name(name)}","data":' if combined else "" for name in names]
    tail = "}}" if combined else "}"
    maker = _column(table, "buyer_is_maker")
    pieces = [
        _per_symbol(symbols, [head + '{"e":"trade","E":' for head in heads]),
        _time(table, "venue_time_ns", unit),
        _per_symbol(symbols, [f',"s":"{name}","t":' for name in names]),
        pc.cast(_column(table, "trade_id"), pa.large_string()),
        ',"p":"',
        pc.cast(_column(table, "price_text"), pa.large_string()),
        '","q":"',
        pc.cast(_column(table, "quantity_text"), pa.large_string()),
        '","T":',
        _time(table, "event_time_ns", unit),
        pc.if_else(maker, _text(',"m":true,"M":true' + tail), _text(',"m":false,"M":true' + tail)),
    ]
    scalars = [_text(piece) if isinstance(piece, str) else piece for piece in pieces]
    return pc.binary_join_element_wise(*scalars, _text(""))


def framed(texts: pa.LargeStringArray) -> Wire:
    """Return payloads as unmasked WebSocket text frames (RFC 6455, section 5.2), back to back."""
    whole = pc.binary_join_element_wise(
        _headers(pc.binary_length(texts).to_numpy(zero_copy_only=False)),
        pc.cast(texts, pa.large_binary()),
        pa.scalar(b"", pa.large_binary()),
    )
    _, ends, data = whole.buffers()
    offsets = np.frombuffer(ends, dtype=np.int64, count=len(whole) + 1)
    return Wire(data=memoryview(data or b"")[: offsets[-1]], offsets=offsets)


def _headers(lengths: npt.NDArray[np.int64]) -> pa.LargeBinaryArray:
    """Return one header a payload: final text frame, and the length in 7, 7 + 16 or 7 + 64 bits."""
    extra = np.select([lengths < 126, lengths < 65536], [0, 2], default=8)
    offsets = np.concatenate([[0], np.cumsum(extra + 2)]).astype(np.int64)
    header = np.zeros(offsets[-1], dtype=np.uint8)
    header[offsets[:-1]] = 0x81
    header[offsets[:-1] + 1] = np.select([extra == 0, extra == 2], [lengths, 126], default=127)
    for width in (2, 8):
        rows = np.flatnonzero(extra == width)
        for byte in range(width):
            header[offsets[rows] + 2 + byte] = (lengths[rows] >> (8 * (width - 1 - byte))) & 0xFF
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(header)]
    return pa.Array.from_buffers(pa.large_binary(), len(lengths), buffers)


def _column(table: pa.Table, name: str) -> pa.Array:
    return table[name].combine_chunks()


def _text(value: str) -> pa.Scalar:
    return pa.scalar(value, pa.large_string())


def _per_symbol(symbols: pa.DictionaryArray, texts: list[str]) -> pa.LargeStringArray:
    return pa.array(texts, pa.large_string()).take(symbols.indices)


def _time(table: pa.Table, name: str, unit: TimeUnit) -> pa.LargeStringArray:
    return pc.cast(pc.divide(_column(table, name), unit.nanoseconds), pa.large_string())
