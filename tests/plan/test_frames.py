"""Golden frames as the venue documents them, and the bulk encoder that must make the same bytes."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan.domains import Domain, leased
from tickproof.exchange import frames
from tickproof.exchange.frames import TimeUnit, TradeRow
from tickproof.exchange.plan import draw

ROW: TradeRow = {
    "symbol": "BNBBTC",
    "trade_id": 12345,
    "price_text": "0.001",
    "quantity_text": "100",
    "event_time_ns": 1_672_515_782_136_789_000,
    "venue_time_ns": 1_672_515_782_137_123_000,
    "buyer_is_maker": True,
}
# Binance Spot API documentation, WebSocket Streams, "Trade Streams": e, E, s, t, p, q, T, m, M in this order.
GOLDEN = (
    b'{"e":"trade","E":1672515782137,"s":"BNBBTC","t":12345,"p":"0.001","q":"100",'
    b'"T":1672515782136,"m":true,"M":true}'
)


def test_golden_trade() -> None:
    assert frames.trade_frame(ROW, combined=False) == GOLDEN
    assert frames.trade_frame(ROW, combined=True) == b'{"stream":"bnbbtc@trade","data":' + GOLDEN + b"}"


def test_golden_trade_in_microseconds_and_sold() -> None:
    row: TradeRow = {**ROW, "buyer_is_maker": False}
    frame = json.loads(frames.trade_frame(row, combined=False, unit=TimeUnit.MICROSECOND))
    assert (frame["E"], frame["T"], frame["m"]) == (1_672_515_782_137_123, 1_672_515_782_136_789, False)


def test_golden_shutdown() -> None:
    # Same documentation, "Server Shutdown": the combined form has a stream name of its own.
    at = 1_770_123_456_789_000_000
    raw = b'{"e":"serverShutdown","E":1770123456789}'
    assert frames.shutdown_frame(at, combined=False) == raw
    assert frames.shutdown_frame(at, combined=True) == b'{"stream":"!serverShutdown","data":' + raw + b"}"


@pytest.mark.parametrize("combined", [True, False])
@pytest.mark.parametrize("unit", TimeUnit)
@pytest.mark.parametrize("values", ["usual", "edge"])
def test_bulk_makes_the_same_bytes(*, combined: bool, unit: TimeUnit, values: str) -> None:
    some = leased("BTCUSDT", "1MBABYDOGEFDUSD", "TUSDT")
    table = draw(Domain(), some, trades=200, per_second=1000, seed=3, values=values).table
    bulk = frames.payloads(table, combined=combined, unit=unit).to_pylist()
    assert [text.encode() for text in bulk] == [
        frames.trade_frame(row, combined=combined, unit=unit) for row in table.to_pylist()
    ]


def unframed(data: bytes) -> list[bytes]:
    """Read WebSocket frames by RFC 6455, section 5.2."""
    found = []
    while data:
        assert data[0] == 0x81
        length, start = data[1], 2
        if length == 126:
            length, start = int.from_bytes(data[2:4]), 4
        elif length == 127:
            length, start = int.from_bytes(data[2:10]), 10
        found.append(data[start : start + length])
        data = data[start + length :]
    return found


@given(st.lists(st.sampled_from([0, 1, 125, 126, 127, 255, 256, 65_535, 65_536, 70_000]), max_size=6))
def test_frames_back_to_back(lengths: list[int]) -> None:
    texts = [chr(97 + n) * length for n, length in enumerate(lengths)]
    wire = frames.framed(pa.array(texts, pa.large_string()))
    assert len(wire) == len(texts)
    assert unframed(bytes(wire.data)) == [text.encode() for text in texts]
    if texts:
        assert unframed(bytes(wire.span(0, 1))) == [texts[0].encode()]
        assert unframed(bytes(wire.span(len(texts) - 1, len(texts)))) == [texts[-1].encode()]


def test_a_slice_of_payloads_is_framed_alone() -> None:
    texts = pa.array(["a", "bb", "ccc"], pa.large_string())
    wire = frames.framed(texts.slice(1))
    assert unframed(bytes(wire.span(0, 2))) == [b"bb", b"ccc"]
    assert wire.offsets.dtype == np.int64
