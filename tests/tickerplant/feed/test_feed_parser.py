import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tickproof.exchange import garbage
from tickproof.exchange.frames import TimeUnit, TradeRow, shutdown_frame, trade_frame

from tickerplant.feed.parser import Notice, Parser
from tickerplant.feed.trade import RefusedError, Trade

NOW = 1_700_000_000_000_000
ROW: TradeRow = {
    "symbol": "BTCUSDT",
    "trade_id": 7,
    "price_text": "95412.37000000",
    "quantity_text": "0.00100000",
    "event_time_ns": 1_700_000_000_123_456_000,
    "venue_time_ns": 1_700_000_000_123_999_000,
    "buyer_is_maker": True,
}


def parser(*, microseconds: bool = True) -> Parser:
    return Parser(["BTCUSDT", "ETHBTC"], microseconds=microseconds)


def frame(**changes: Any) -> bytes:
    data = json.loads(trade_frame(ROW, combined=True, unit=TimeUnit.MICROSECOND))
    data["data"].update(changes)
    return json.dumps(data, separators=(",", ":")).encode()


def reason(payload: bytes) -> str:
    with pytest.raises(RefusedError) as refused:
        parser().parse(payload, NOW)
    return refused.value.reason


def test_a_trade_keeps_the_venues_text() -> None:
    assert parser().parse(trade_frame(ROW, combined=True, unit=TimeUnit.MICROSECOND), NOW) == Trade(
        symbol="BTCUSDT",
        trade_id=7,
        price="95412.37000000",
        quantity="0.00100000",
        event_time_us=1_700_000_000_123_456,
        venue_time_us=1_700_000_000_123_999,
        side="sell",
        source="live",
        ingest_time_us=NOW,
    )


def test_milliseconds_become_microseconds() -> None:
    trade = parser(microseconds=False).parse(trade_frame(ROW, combined=True), NOW)
    assert isinstance(trade, Trade)
    assert trade.event_time_us == 1_700_000_000_123_000


def test_the_side_is_the_takers() -> None:
    trade = parser().parse(frame(m=False), NOW)
    assert isinstance(trade, Trade)
    assert trade.side == "buy"


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in garbage.KINDS.values()
        if kind.treatment is garbage.Treatment.QUARANTINE and not kind.binary
    ],
    ids=lambda kind: kind.name,
)
def test_garbage_is_refused_with_its_own_reason(kind: garbage.Kind) -> None:
    assert reason(garbage.payload(kind.name, ROW, combined=True, unit=TimeUnit.MICROSECOND)) == kind.name


@pytest.mark.parametrize(
    "kind",
    [kind for kind in garbage.KINDS.values() if kind.treatment is garbage.Treatment.ACCEPT],
    ids=lambda kind: kind.name,
)
def test_what_is_only_unusual_is_accepted(kind: garbage.Kind) -> None:
    usual = parser().parse(trade_frame(ROW, combined=True, unit=TimeUnit.MICROSECOND), NOW)
    assert (
        parser().parse(garbage.payload(kind.name, ROW, combined=True, unit=TimeUnit.MICROSECOND), NOW)
        == usual
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"p": "-1"}, "negative-price"),
        ({"p": "1e3"}, "not-a-number-price"),
        ({"p": ""}, "not-a-number-price"),
        ({"p": " 1"}, "not-a-number-price"),
        ({"p": "1" * 21}, "not-a-number-price"),
        ({"p": "0." + "1" * 19}, "not-a-number-price"),
        ({"p": "Infinity"}, "not-a-number-price"),
        ({"p": "\u0661"}, "not-a-number-price"),
        ({"q": "0.000"}, "zero-size"),
        ({"q": 1}, "number-size"),
        ({"q": "-0.1"}, "negative-size"),
        ({"q": "one"}, "not-a-number-size"),
        ({"t": -1}, "id-out-of-range"),
        ({"t": 2**63}, "id-out-of-range"),
        ({"t": "7"}, "wrong-type"),
        ({"t": True}, "wrong-type"),
        ({"m": "true"}, "wrong-type"),
        ({"p": None}, "wrong-type"),
        ({"T": 1_700_000_000_123}, "time-out-of-range"),
        ({"E": 0}, "time-out-of-range"),
        ({"s": "DOGEUSDT"}, "unknown-symbol"),
        ({"s": "ETHBTC"}, "wrong-stream"),
        ({"e": "aggTrade"}, "unknown-event"),
    ],
)
def test_what_could_not_be_stored_exactly_is_refused(changes: dict[str, object], expected: str) -> None:
    assert reason(frame(**changes)) == expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"", "not-json"),
        (b"\xff\xfe", "not-json"),
        (b"[" * 100_000, "not-json"),
        (b"[1]", "not-an-object"),
        (b"{}", "empty-object"),
        (b'{"data":{"e":"trade"}}', "missing-field"),
        (b'{"stream":"btcusdt@trade","data":7}', "missing-field"),
        (frame().replace(b'"t":7', b'"t":NaN'), "not-json"),
        (frame().replace(b'"t":7', b'"t":7,"t":8'), "contradicting-keys"),
        (frame().replace(b'"t":7', b'"t":7,"t":8').replace(b',"M":true', b""), "contradicting-keys"),
        (frame().replace(b'"t":7', b'"t":7,"t" :8'), "contradicting-keys"),
        (frame().replace(b'"t":7', b'"t":7,"\\u0074":8'), "contradicting-keys"),
        (frame().replace(b'"M":true', b'"m":false'), "contradicting-keys"),
        (frame().replace(b'"M":true', b'"M":"\xff"'), "not-json"),
        (frame().replace(b'"M":true', b'"\xff":1,"M":true'), "not-json"),
        (frame().replace(b'"M":true', b'"\xff":true'), "not-json"),
    ],
)
def test_what_is_no_trade_at_all_is_refused(payload: bytes, expected: str) -> None:
    assert reason(payload) == expected


@pytest.mark.parametrize("combined", [True, False])
def test_the_shutdown_notice_is_understood(*, combined: bool) -> None:
    assert parser().parse(shutdown_frame(1, combined=combined), NOW) is Notice.SHUTDOWN


def test_answers_to_requests_are_no_garbage() -> None:
    assert parser().parse(b'{"result":null,"id":1}', NOW) is Notice.SUBSCRIBED
    assert parser().parse(b'{"error":{"code":2,"msg":"no"},"id":1}', NOW) is Notice.SUBSCRIPTION_REFUSED


DIGITS = st.text("0123456789", min_size=1, max_size=18)


@given(trade_id=st.integers(0, 2**63 - 1), whole=DIGITS, part=DIGITS, maker=st.booleans())
def test_any_exact_number_travels_untouched(*, trade_id: int, whole: str, part: str, maker: bool) -> None:
    text = f"{whole}.{part}"
    trade = parser().parse(frame(t=trade_id, p=text, q="1.5", m=maker), NOW)
    assert isinstance(trade, Trade)
    assert (trade.trade_id, trade.price) == (trade_id, text)


@given(
    st.sampled_from(["e", "E", "s", "t", "p", "q", "T", "m", "M"]),
    st.sampled_from(["", "M"]),
    st.sampled_from([",", " , ", ",\n"]),
    st.integers(0, 20),
)
def test_a_name_that_comes_twice_with_two_values_is_always_refused(
    name: str, without: str, comma: str, place: int
) -> None:
    data = json.loads(frame())["data"]
    data.pop(without, None)
    items = [f'"{key}":{json.dumps(value)}' for key, value in data.items()]
    for value in ("1234", '"1234"'):
        items.insert(place % len(items), f'"{name}":{value}')
    payload = f'{{"stream":"btcusdt@trade","data":{{{comma.join(items)}}}}}'.encode()
    assert reason(payload) in ("contradicting-keys", "wrong-type", "number-price", "number-size")


@given(st.binary(max_size=200))
def test_no_bytes_whatever_break_the_parser(payload: bytes) -> None:
    with pytest.raises(RefusedError):
        parser().parse(payload, NOW)


@given(st.integers(0, 170), st.integers(0, 255))
def test_a_changed_byte_is_a_trade_a_notice_or_refused(place: int, value: int) -> None:
    spoiled = bytearray(frame())
    spoiled[place % len(spoiled)] = value
    try:
        parser().parse(bytes(spoiled), NOW)
    except RefusedError as refused:
        assert refused.reason  # noqa: PT017 - either way is fine, a crash is not


@pytest.mark.parametrize("maker", [True, False])
def test_the_usual_frame_is_not_looked_at_twice(*, maker: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(_payload: bytes) -> None:
        raise AssertionError("It is read slowly.")

    monkeypatch.setattr("tickerplant.feed.parser._load", look)
    row: TradeRow = {**ROW, "buyer_is_maker": maker}
    assert isinstance(parser().parse(trade_frame(row, combined=True, unit=TimeUnit.MICROSECOND), NOW), Trade)
