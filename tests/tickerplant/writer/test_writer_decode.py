import json
from decimal import Decimal, localcontext
from importlib import resources
from typing import Any

import jsonschema
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from writer_support import NOON, encode, polled, trade

from tickerplant.writer import decimals, decode
from tickerplant.writer.decode import ROWS_SCHEMA, Decoder


def reasons(*values: bytes | None) -> list[tuple[str, int]]:
    return [(reject.reason, reject.offset) for reject in Decoder().decode(polled(*values)).rejects]


def test_rows_keep_values_types_and_order() -> None:
    decoded = Decoder().decode(
        polled(
            encode(trade("ETHBTC", 9, price="0.00000001", quantity="123456789012345678.12345678")),
            encode(trade("BTCUSDT", 2, source="rest")),
            partition=7,
            first=40,
        )
    )
    assert decoded.rows.schema == ROWS_SCHEMA
    assert not decoded.rejects
    first, second = decoded.rows.to_pylist()
    assert first["price"] == Decimal("0.00000001")
    assert first["quantity"] == Decimal("123456789012345678.12345678")
    assert int(first["event_time"].timestamp() * 1_000_000) == NOON + 9
    assert int(first["venue_time"].timestamp() * 1_000_000) == NOON + 12
    assert int(first["ingest_time"].timestamp() * 1_000_000) == NOON + 18
    assert (first["symbol"], first["side"], first["source"]) == ("ETHBTC", "buy", "live")
    assert (second["symbol"], second["side"], second["source"]) == ("BTCUSDT", "sell", "rest")
    assert [row["source_partition"] for row in (first, second)] == [7, 7]
    assert [row["source_offset"] for row in (first, second)] == [40, 41]


BAD = [
    (b"nonsense", decode.NOT_JSON),
    (b'{"symbol": "A"', decode.NOT_JSON),
    (b"\xff\xfe", decode.NOT_JSON),
    (b"[1, 2]", decode.NOT_JSON),
    (b"17", decode.NOT_JSON),
    (b"", decode.NOT_JSON),
    (b"   ", decode.NOT_JSON),
    (None, decode.NOT_JSON),
    (b"{}", decode.MISSING_FIELD),
    (encode({k: v for k, v in trade("A", 1).items() if k != "side"}), decode.MISSING_FIELD),
    (encode(trade("A", 1, price=None)), decode.MISSING_FIELD),
    (encode(trade("A", 1, price=1.5)), "number-price"),
    (encode(trade("A", 1, quantity=2)), "number-size"),
    (encode(trade("A", 1, price=True)), decode.WRONG_TYPE),
    (encode(trade("A", 1, trade_id="1")), decode.WRONG_TYPE),
    (encode(trade("A", 1, trade_id=1.5)), decode.WRONG_TYPE),
    (encode(trade("A", 1, symbol=5)), decode.WRONG_TYPE),
    (encode(trade("A", 2**63)), decode.ID_OUT_OF_RANGE),
    (encode(trade("A", 2**63 - 1)), decode.ID_OUT_OF_RANGE),
    (encode(trade("A", -1)), decode.ID_OUT_OF_RANGE),
    (encode(trade("A", 1, event_time_us=-1)), decode.TIME_OUT_OF_RANGE),
    (encode(trade("A", 1, ingest_time_us=2**62)), decode.TIME_OUT_OF_RANGE),
    (encode(trade("A", 1, price="12,5")), "not-a-number-price"),
    (encode(trade("A", 1, price="")), "not-a-number-price"),
    (encode(trade("A", 1, price="NaN")), "not-a-number-price"),
    (encode(trade("A", 1, price="1_000")), "not-a-number-price"),
    (encode(trade("A", 1, price="0.1234567890123456789")), "not-a-number-price"),
    (encode(trade("A", 1, quantity="1e20")), "not-a-number-size"),
    (encode(trade("A", 1, quantity="1,5")), "not-a-number-size"),
    (encode(trade("A", 1, quantity="")), "not-a-number-size"),
    (encode(trade("A", 1, quantity="-0.5")), "negative-size"),
    (encode(trade("A", 1, price="-0.5")), "negative-price"),
    (encode(trade("A", 1, price="-0.5", quantity="-1")), "negative-price"),
    (encode(trade("A", 1, price="1", quantity="-1e30")), "not-a-number-size"),
    (encode(trade("A", 1, side="BUY")), decode.UNKNOWN_SIDE),
    (encode(trade("A", 1, source="guess")), decode.UNKNOWN_SOURCE),
    (encode(trade("", 1)), decode.EMPTY_SYMBOL),
]


@pytest.mark.parametrize(("value", "reason"), BAD)
def test_a_bad_message_is_refused_with_its_reason_and_its_neighbours_survive(
    value: bytes | None, reason: str
) -> None:
    good = [encode(trade("BTCUSDT", number)) for number in range(5)]
    decoded = Decoder().decode(polled(*good[:3], value, *good[3:], first=100))
    assert decoded.rows["trade_id"].to_pylist() == [0, 1, 2, 3, 4]
    assert decoded.rows["source_offset"].to_pylist() == [100, 101, 102, 104, 105]
    assert [(r.reason, r.offset, r.value) for r in decoded.rejects] == [(reason, 103, value or b"")]


def test_all_bad_messages_at_once_are_each_named() -> None:
    assert reasons(*(value for value, _ in BAD)) == [(reason, n) for n, (_, reason) in enumerate(BAD)]


def test_every_reason_is_a_published_one() -> None:
    schema = json.loads(
        resources.files("tickerplant").joinpath("schemas/dead-letter.schema.json").read_bytes()
    )
    for value, reason in BAD:
        (reject,) = Decoder().decode(polled(value)).rejects
        headers = {
            "reason": reject.reason,
            "source": "kafka",
            "position": "market.trades/0/7",
            "truncated": "9",
        }
        jsonschema.validate(headers, schema)
        assert reject.reason == reason


def test_two_objects_in_one_message_do_not_shift_the_others() -> None:
    twice = encode(trade("A", 1)) + encode(trade("A", 2))
    decoded = Decoder().decode(polled(encode(trade("A", 0)), twice, b"   ", encode(trade("A", 3))))
    assert decoded.rows["trade_id"].to_pylist() == [0, 3]
    assert decoded.rows["source_offset"].to_pylist() == [0, 3]
    assert [reject.offset for reject in decoded.rejects] == [1, 2]


def test_a_message_over_several_lines_and_with_unknown_fields_is_accepted() -> None:
    message = trade("A", 1, venue="binance", extra={"deep": [1, {"x": None}]})
    decoded = Decoder().decode(polled(json.dumps(message, indent=2).encode(), encode(trade("A", 2))))
    assert decoded.rows["trade_id"].to_pylist() == [1, 2]


def test_nothing_polled_gives_no_rows() -> None:
    decoded = Decoder().decode(polled())
    assert len(decoded.rows) == 0
    assert decoded.rows.schema == ROWS_SCHEMA


def _fits(text: str) -> Decimal | None:
    """Say what the text is worth in decimal(38,18), by arithmetic that has room to spare."""
    with localcontext() as context:
        context.prec = 200
        value = Decimal(text)
        scaled = value.scaleb(18)
        if scaled != scaled.to_integral_value() or abs(scaled) >= Decimal(10) ** 38:
            return None
        return value


DIGITS = st.text("0123456789", min_size=1, max_size=24)
NUMBERS = st.builds(
    lambda sign, whole, fraction, exponent: f"{sign}{whole}{fraction}{exponent}",
    st.sampled_from(["", "-"]),
    DIGITS,
    st.one_of(st.just(""), DIGITS.map(lambda digits: f".{digits}")),
    st.one_of(st.just(""), st.integers(-20, 20).map(lambda power: f"e{power}")),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=8))
def test_decimals_are_exact_or_refused_never_rounded(texts: list[str]) -> None:
    values, refused = decimals.exact(pa.array(texts))
    for row, text in enumerate(texts):
        expected = _fits(text)
        if row in refused:
            assert expected is None
        else:
            assert values[row].as_py() == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 10**6), st.binary(max_size=12)), max_size=40))
def test_any_mixture_splits_into_rows_and_rejects_without_loss(items: list[Any]) -> None:
    values = [encode(trade("A", item)) if isinstance(item, int) else item for item in items]
    decoded = Decoder().decode(polled(*values))
    offsets = decoded.rows["source_offset"].to_pylist() + [r.offset for r in decoded.rejects]
    assert sorted(offsets) == list(range(len(items)))
    assert decoded.rows["trade_id"].to_pylist() == [item for item in items if isinstance(item, int)]


@pytest.mark.parametrize("text", ["1100000000000000000000", "11000e17", "340282366920938463464.5"])
def test_numbers_that_arrow_would_silently_change_are_refused(text: str) -> None:
    assert decimals.exact(pa.array(["1", text])) == (
        pa.array([Decimal(1), None], decimals.TYPE),
        [1],
    )


def test_negative_looks_at_the_sign_alone() -> None:
    values = pa.array([Decimal("-0.1"), None, Decimal(0), Decimal("99999999999999999999.9")], decimals.TYPE)
    assert np.array_equal(decimals.negative(values), [True, False, False, False])
