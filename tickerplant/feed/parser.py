"""Reads frames of the venue's combined streams.

One typed decoding takes the good frames; only a frame that it refuses is looked at again, slowly, to say why.
"""

import json
from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Any, Literal, NoReturn

import msgspec

from tickerplant.feed.trade import LARGEST_ID, RefusedError, Side, Trade, check

# A frame that holds what is documented and nothing else: eleven names and five texts, the last name being one that is
# not read. All others are read, so they are there: where a name came twice, there would be more quotation marks.
_USUAL_QUOTES = 32
_USUAL_ENDS = (b'"M":true}}', b'"M":false}}')


class Notice(Enum):
    """A frame that is no trade and no garbage."""

    SUBSCRIBED = "subscribed"
    SUBSCRIPTION_REFUSED = "subscription-refused"
    SHUTDOWN = "shutdown"


class _Data(msgspec.Struct, gc=False):
    e: Literal["trade"]
    E: int
    s: str
    t: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID)]
    p: str
    q: str
    T: int
    m: bool


class _Frame(msgspec.Struct, gc=False):
    stream: str
    data: _Data


class Parser:
    """Turns the bytes of a text frame into a trade.

    Args:
        symbols: The symbols subscribed to; a trade of any other is refused.
        microseconds: Whether the venue's times are in microseconds, else milliseconds.
    """

    def __init__(self, symbols: Sequence[str], *, microseconds: bool) -> None:
        self._symbols = frozenset(symbols)
        self._streams = {stream_name(symbol): symbol for symbol in symbols}
        self._unit = 1 if microseconds else 1000
        self._decode = msgspec.json.Decoder(_Frame).decode

    def parse(self, payload: bytes, received_us: int) -> Trade | Notice:
        """Return the trade in a frame.

        Raises:
            RefusedError: The frame is not what the venue documents; `reason` says in which way.
        """
        try:
            frame = self._decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._notice(payload)
        data = frame.data
        if payload.count(b'"') != _USUAL_QUOTES or not payload.endswith(_USUAL_ENDS):
            _load(payload)
        symbol = data.s
        if self._streams.get(frame.stream) != symbol:
            self._refuse_symbol(symbol)
        event_time, venue_time = data.T * self._unit, data.E * self._unit
        check(data.p, data.q, event_time, venue_time)
        # The venue tells whether the buyer was the maker; the side is the taker's.
        side: Side = "sell" if data.m else "buy"
        return Trade(symbol, data.t, data.p, data.q, event_time, venue_time, side, "live", received_us)

    def _notice(self, payload: bytes) -> Notice:
        """Return what kind of message this is when it is no trade, else refuse it with the reason."""
        value = _load(payload)
        if not isinstance(value, dict):
            raise RefusedError("not-an-object")
        if "result" in value and "id" in value:
            return Notice.SUBSCRIBED
        if "error" in value:
            return Notice.SUBSCRIPTION_REFUSED
        data = value.get("data", value)
        if not (isinstance(data, dict) and data.get("e") == "serverShutdown"):
            self._refuse(value, data)
        return Notice.SHUTDOWN

    def _refuse(self, value: dict[str, Any], data: object) -> NoReturn:
        if not value or data == {}:
            raise RefusedError("empty-object")
        if not isinstance(data, dict) or not {"e", "stream"} <= data.keys() | value.keys():
            raise RefusedError("missing-field")
        if data["e"] != "trade":
            raise RefusedError("unknown-event")
        if not data.keys() >= {"E", "s", "t", "p", "q", "T", "m"}:
            raise RefusedError("missing-field")
        if _is_number(data["p"]):
            raise RefusedError("number-price")
        if _is_number(data["q"]):
            raise RefusedError("number-size")
        if _is_whole(data["t"]) and not 0 <= data["t"] <= LARGEST_ID:
            raise RefusedError("id-out-of-range")
        if isinstance(data["s"], str) and data["s"] not in self._symbols:
            self._refuse_symbol(data["s"])
        raise RefusedError("wrong-type")

    def _refuse_symbol(self, symbol: str) -> NoReturn:
        if symbol in self._symbols:
            raise RefusedError("wrong-stream")
        raise RefusedError("wrong-case" if symbol.upper() in self._symbols else "unknown-symbol")


def stream_name(symbol: str) -> str:
    """Return the name of a symbol's trade stream."""
    return f"{symbol.lower()}@trade"


def _load(payload: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Read JSON strictly: a key may come twice only with equal values, and NaN is no number."""
    try:
        return json.loads(payload, object_pairs_hook=_pairs, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RefusedError("not-json") from error


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for name, item in pairs:
        if name in value and value[name] != item:
            raise RefusedError("contradicting-keys")
        value[name] = item
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_whole(value) or isinstance(value, float)
