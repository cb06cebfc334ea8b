"""What a subscriber may ask on its WebSocket, and what the venue answers.

Source: Binance Spot API documentation, "WebSocket Streams", sections Live Subscribing/Unsubscribing to
streams and Error Messages. The documentation lists the error objects, `{"code": 2, "msg": "Invalid request:
..."}`; on the wire the venue puts them under "error" beside the request's id, and that is what its clients
read. Where the documentation is silent, the behaviour that users of the venue report is followed: a
well-formed name of a stream that does not exist is acknowledged and stays silent; a name that is no stream
name, and the 1,025th stream, are answered with an error, and the connection is closed with 1008.
"""

import json
import re
from dataclasses import dataclass, field

from tickproof.exchange.frames import TimeUnit
from tickproof.exchange.limits import STREAMS_PER_CONNECTION

METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")

_STREAM = re.compile(r"!?[\w.\-]+(@[\w.:+\-]+)*")
_METHOD = re.compile(r'"method"\s*:\s*"(?:[^"\\]|\\.)*"')
_ID = re.compile(r"[A-Za-z0-9_\-]{1,36}")


class RefusedError(Exception):
    """A request that gets an error for its answer."""

    def __init__(self, code: int, msg: str, *, ends: bool = False) -> None:
        super().__init__(msg)
        self.code = code
        self.ends = ends


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back.

    Attributes:
        text: the JSON to send.
        ends: whether the venue closes the connection behind it.
        added: streams that were not subscribed before.
        removed: streams that were.
    """

    text: str
    ends: bool = False
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(slots=True)
class Session:
    """What one connection is subscribed to, and how its events look.

    Attributes:
        combined: whether events are wrapped with the name of their stream.
        unit: unit of all times.
        streams: names, in the order of subscription.
        symbols: symbols whose trades are wanted. Replaced, never changed: the pacing thread reads it.
    """

    combined: bool
    unit: TimeUnit = TimeUnit.MILLISECOND
    streams: dict[str, None] = field(default_factory=dict)
    symbols: frozenset[str] = frozenset()

    def subscribe(self, names: list[str]) -> tuple[str, ...]:
        """Add streams; return those that are new.

        Raises:
            RefusedError: A name is no stream name, or there are too many.
        """
        for name in names:
            if not _STREAM.fullmatch(name):
                raise RefusedError(2, "Invalid request: invalid stream", ends=True)
        added = tuple(dict.fromkeys(name for name in names if name not in self.streams))
        if len(self.streams) + len(added) > STREAMS_PER_CONNECTION:
            raise RefusedError(4, "Too many subscriptions", ends=True)
        self.streams.update(dict.fromkeys(added))
        self._renew()
        return added

    def unsubscribe(self, names: list[str]) -> tuple[str, ...]:
        """Remove streams; return those that were there."""
        removed = tuple(name for name in dict.fromkeys(names) if name in self.streams)
        for name in removed:
            del self.streams[name]
        self._renew()
        return removed

    def answer(self, text: str) -> Answer:
        """Carry out a request and return what the venue answers."""
        request_id: object = None
        try:
            request = _parsed(text)
            request_id = _checked_id(request)
            return self._carried_out(text, request, request_id)
        except RefusedError as refused:
            return Answer(error(refused, request_id), ends=refused.ends)

    def _carried_out(self, text: str, request: dict[str, object], request_id: object) -> Answer:
        params = request.get("params")
        match _method(text, request):
            case "LIST_SUBSCRIPTIONS":
                if params:
                    raise RefusedError(2, "Invalid request: too many parameters")
                return _result(list(self.streams), request_id)
            case "SUBSCRIBE":
                return _result(None, request_id, added=self.subscribe(_names(text, request)))
            case "UNSUBSCRIBE":
                return _result(None, request_id, removed=self.unsubscribe(_names(text, request)))
            case "GET_PROPERTY":
                _property(params, 1)
                return _result(self.combined, request_id)
            case _:
                value = _property(params, 2)
                if not isinstance(value, bool):
                    raise RefusedError(1, "Invalid value type: expected Boolean")
                self.combined = value
                return _result(None, request_id)

    def _renew(self) -> None:
        trades = (name.removesuffix("@trade") for name in self.streams if name.endswith("@trade"))
        self.symbols = frozenset(name.upper() for name in trades if name == name.lower())


def error(refused: RefusedError, request_id: object = None) -> str:
    """Return the error as the venue sends it."""
    value: dict[str, object] = {"error": {"code": refused.code, "msg": str(refused)}}
    if request_id is not None:
        value["id"] = request_id
    return _dump(value)


def _parsed(text: str) -> dict[str, object]:
    try:
        request = json.loads(text)
        _dump(request).encode()
    except json.JSONDecodeError as bad:
        message = f"Invalid JSON: expected value at line {bad.lineno} column {bad.colno}"
        raise RefusedError(3, message) from None
    except (RecursionError, ValueError):
        # Nested too deeply, a number of thousands of digits, or half a character: Python's reader and the
        # venue's do not stumble over the same, but none of it is JSON that anybody sends.
        raise RefusedError(3, f"Invalid JSON: expected value at {_end(text)}") from None
    if not isinstance(request, dict):
        raise RefusedError(2, f"Invalid request: missing field `method` at {_end(text)}")
    return request


def _checked_id(request: dict[str, object]) -> object:
    value = request.get("id")
    whole = isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
    words = isinstance(value, str) and _ID.fullmatch(value)
    if "id" not in request or not (value is None or whole or words):
        raise RefusedError(2, "Invalid request: request ID must be an unsigned integer")
    return value


def _method(text: str, request: dict[str, object]) -> str:
    if "method" not in request:
        raise RefusedError(2, f"Invalid request: missing field `method` at {_end(text)}")
    method = request["method"]
    if method not in METHODS:
        variants = ", ".join(f"`{name}`" for name in METHODS)
        raise RefusedError(
            2, f"Invalid request: unknown variant `{method}`, expected one of {variants} at {_place(text)}"
        )
    return str(method)


def _names(text: str, request: dict[str, object]) -> list[str]:
    if "params" not in request:
        raise RefusedError(2, f"Invalid request: missing field `params` at {_end(text)}")
    names = request["params"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RefusedError(2, "Invalid request: invalid stream", ends=True)
    return names


def _property(params: object, most: int) -> object:
    """Check that the property is the one there is; return the value behind its name, if there is one."""
    if not isinstance(params, list) or not params or not isinstance(params[0], str):
        raise RefusedError(2, "Invalid request: property name must be a string")
    if params[0] != "combined":
        raise RefusedError(0, "Unknown property")
    if len(params) > most:
        raise RefusedError(2, "Invalid request: too many parameters")
    return params[1] if len(params) > 1 else None


def _result(
    value: object, request_id: object, *, added: tuple[str, ...] = (), removed: tuple[str, ...] = ()
) -> Answer:
    return Answer(_dump({"result": value, "id": request_id}), added=added, removed=removed)


def _place(text: str) -> str:
    found = _METHOD.search(text)
    return _end(text[: found.end()]) if found else _end(text)


def _end(text: str) -> str:
    lines = text.split("\n")
    return f"line {len(lines)} column {len(lines[-1])}"


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
