"""What can be wrong with a frame, and what a good platform does about it.

A frame to quarantine goes ahead of the row it was made from, as one more frame; the row follows untouched.
It carries the row's own symbol and id, so a platform that lets it through stores a wrong trade under a right
id, and is found out. A frame to accept takes the place of the row's own. A frame that ends the connection
takes the row with it: the platform has to fetch it over REST.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from tickproof.exchange.actions import Action, Garbage, HalfFrame, Oversize, ProtocolError
from tickproof.exchange.frames import TimeUnit, TradeRow, stream_name, trade_payload, wrap

ID_BEHIND_THE_LAST = 2**63
"""The first trade id that int64 cannot hold."""


class Treatment(StrEnum):
    """What a good platform does."""

    QUARANTINE = "quarantine"
    ACCEPT = "accept"
    RECONNECT = "reconnect"


@dataclass(frozen=True, slots=True)
class Kind:
    """One way in which a frame can be wrong.

    Attributes:
        name: also the reason code in the dead letter's header.
        treatment: what a good platform does.
        looks: how the frame looks, in a few words.
        because: why the treatment is right, in a few words.
        binary: whether it travels as a binary frame.
    """

    name: str
    treatment: Treatment
    looks: str
    because: str
    binary: bool = False


_Q, _A, _R = Treatment.QUARANTINE, Treatment.ACCEPT, Treatment.RECONNECT

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind("not-json", _Q, "text cut in the middle of a value", "nothing in it can be trusted"),
            Kind("missing-field", _Q, "no price", "a trade without a price is no trade"),
            Kind("unknown-event", _Q, 'event type "tradeV2"', "its fields may mean something else"),
            Kind("number-price", _Q, "price as a JSON number", "its digits may be lost already"),
            Kind("not-a-number-price", _Q, 'price "NaN"', "no decimal can hold it"),
            Kind("negative-size", _Q, "size below zero", "nobody trades less than nothing"),
            Kind("id-out-of-range", _Q, "trade id 2^63", "it does not fit 64 bits"),
            Kind("wrong-case", _Q, "symbol in lower case", "names are exact: it is another symbol"),
            Kind("empty-object", _Q, "{}", "it says nothing"),
            Kind("binary-frame", _Q, "a trade as binary frame", "the stream is text", binary=True),
            Kind("unknown-extra-field", _A, "one more field", "venues add fields without notice"),
            Kind("duplicate-equal-key", _A, "price twice, equal", "both readings agree"),
            Kind("half-frame", _R, "half a frame, then the end", "the trade must come over REST"),
            Kind("oversize", _R, "a frame that announces 1 GiB", "memory is worth more than the connection"),
            Kind("protocol-error", _R, "reserved bits and opcode", "RFC 6455 demands to fail the connection"),
        )
    }
)

_ENDINGS: Mapping[str, Callable[..., Action]] = {
    "half-frame": HalfFrame,
    "oversize": Oversize,
    "protocol-error": ProtocolError,
}

# Each takes the trade's fields, in order, as JSON texts, and returns them spoiled.
_SPOILED: Mapping[str, Callable[[dict[str, str]], dict[str, str]]] = {
    "missing-field": lambda trade: {name: text for name, text in trade.items() if name != "p"},
    "unknown-event": lambda trade: trade | {"e": '"tradeV2"'},
    "number-price": lambda trade: trade | {"p": trade["p"].strip('"')},
    "not-a-number-price": lambda trade: trade | {"p": '"NaN"'},
    "negative-size": lambda trade: trade | {"q": trade["q"].replace('"', '"-', 1)},
    "id-out-of-range": lambda trade: trade | {"t": str(ID_BEHIND_THE_LAST)},
    "wrong-case": lambda trade: trade | {"s": trade["s"].lower()},
    "empty-object": lambda _: {},
    "unknown-extra-field": lambda trade: trade | {"X": '{"venue":"new"}'},
    "duplicate-equal-key": lambda trade: trade | {"p": trade["p"] + ',"p":' + trade["p"]},
}


def payload(kind: str, row: TradeRow, *, combined: bool, unit: TimeUnit = TimeUnit.MILLISECOND) -> bytes:
    """Return the payload of this kind made from a row.

    Raises:
        ValueError: if the kind is unknown, or one that ends the connection and so has no payload.
    """
    _known(kind)
    if kind in _ENDINGS:
        raise ValueError(f"garbage {kind} ends the connection: it has no payload of its own.")
    trade = trade_payload(row, unit)
    if kind in _SPOILED:
        fields = {name: json.dumps(value) for name, value in json.loads(trade).items()}
        trade = _dump(_SPOILED[kind](fields))
    whole = wrap(stream_name(row["symbol"]), trade, combined=combined)
    return whole[: -len(trade) // 2] if kind == "not-json" else whole


def action(kind: str, at: int) -> Action:
    """Return the action that makes the exchange send this kind at row `at`.

    >>> action("half-frame", 7)
    HalfFrame(at=7)
    >>> action("not-json", 7)
    Garbage(at=7, kind='not-json')

    Raises:
        ValueError: if the kind is unknown.
    """
    _known(kind)
    return _ENDINGS[kind](at=at) if kind in _ENDINGS else Garbage(at=at, kind=kind)


def _known(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"garbage {kind!r} is unknown; allowed: {', '.join(KINDS)}.")


def _dump(fields: Mapping[str, str]) -> bytes:
    return ("{" + ",".join(f'"{name}":{text}' for name, text in fields.items()) + "}").encode()
