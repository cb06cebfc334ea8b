"""What the exchange does wrong on command, at exact positions of a plan.

An action is bound to a row of the plan (`at`, from 0 on) and happens when that row is due, before it is sent.
Actions travel to the exchange as JSON: `{"at": 10, "do": "repeat", "count": 3}`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that the exchange does when row `at` of the plan is due."""

    do: ClassVar[str]
    at: int

    def __post_init__(self) -> None:
        """Refuse a position or a number that makes no sense."""
        _whole(self.do, "at", self.at, least=0)

    @property
    def last(self) -> int:
        """The last row that the action touches."""
        return self.at


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop(Action):
    """Cut every connection with no close frame; rows due before a subscriber is back are not sent live."""

    do: ClassVar[str] = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse(Action):
    """Answer the next `count` WebSocket handshakes with 503."""

    do: ClassVar[str] = "refuse"
    count: int

    def __post_init__(self) -> None:
        """Refuse a position or a number that makes no sense."""
        _whole(self.do, "at", self.at, least=0)
        _whole(self.do, "count", self.count, least=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat(Action):
    """Send the row's frame `count` more times: right behind itself, or ahead of the row `later` places behind it."""

    do: ClassVar[str] = "repeat"
    count: int = 1
    later: int = 0

    def __post_init__(self) -> None:
        """Refuse a position or a number that makes no sense."""
        _whole(self.do, "at", self.at, least=0)
        _whole(self.do, "count", self.count, least=1)
        _whole(self.do, "later", self.later, least=0)

    @property
    def last(self) -> int:
        """The last row that the action touches."""
        return self.at + self.later


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap(Action):
    """Send the row `by` places later first, then this one: the two change places on the wire."""

    do: ClassVar[str] = "swap"
    by: int = 1

    def __post_init__(self) -> None:
        """Refuse a position or a number that makes no sense."""
        _whole(self.do, "at", self.at, least=0)
        _whole(self.do, "by", self.by, least=1)

    @property
    def last(self) -> int:
        """The last row that the action touches."""
        return self.at + self.by


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip(Action):
    """Do not send `count` rows live, from this one on; `rest_knows` says whether REST can repair them."""

    do: ClassVar[str] = "skip"
    count: int = 1
    rest_knows: bool = True

    def __post_init__(self) -> None:
        """Refuse a position or a number that makes no sense."""
        _whole(self.do, "at", self.at, least=0)
        _whole(self.do, "count", self.count, least=1)
        if self.rest_knows not in {True, False}:
            raise ValueError(
                f"action skip: `rest_knows` must be true or false, but it is {self.rest_knows!r}."
            )

    @property
    def last(self) -> int:
        """The last row that the action touches."""
        return self.at + self.count - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall(Action):
    """Send nothing for `seconds`; the rows that fall due meanwhile follow at once afterwards."""

    do: ClassVar[str] = "stall"
    seconds: float

    def __post_init__(self) -> None:
        """Refuse a position or a time that makes no sense."""
        _whole(self.do, "at", self.at, least=0)
        if (
            isinstance(self.seconds, bool)
            or not isinstance(self.seconds, int | float)
            or not 0 < self.seconds <= 3600
        ):
            raise ValueError(
                f"action stall: `seconds` must be above 0 and at most 3600, but it is {self.seconds!r}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage(Action):
    """Send a frame of this `kind` (see `garbage.KINDS`) made from the row.

    Kinds that a platform should quarantine go ahead of the row as an extra frame; kinds that it should accept
    take the place of the row's own frame.
    """

    do: ClassVar[str] = "garbage"
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfFrame(Action):
    """Send the first half of the row's frame, then cut the connection; the row is not sent live again."""

    do: ClassVar[str] = "half_frame"


@dataclass(frozen=True, slots=True, kw_only=True)
class Oversize(Action):
    """Send a frame header that announces more than any client takes, then cut the connection."""

    do: ClassVar[str] = "oversize"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolError(Action):
    """Send bytes that are no WebSocket frame (reserved bits and opcode)."""

    do: ClassVar[str] = "protocol_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutdown(Action):
    """Announce `serverShutdown`, then close the connections."""

    do: ClassVar[str] = "shutdown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire(Action):
    """Let the 24 hours of every connection pass: the venue closes it."""

    do: ClassVar[str] = "expire"


KINDS: Mapping[str, Callable[..., Action]] = {
    "drop": Drop,
    "refuse": Refuse,
    "repeat": Repeat,
    "swap": Swap,
    "skip": Skip,
    "stall": Stall,
    "garbage": Garbage,
    "half_frame": HalfFrame,
    "oversize": Oversize,
    "protocol_error": ProtocolError,
    "shutdown": Shutdown,
    "expire": Expire,
}


def to_json(actions: Iterable[Action]) -> list[dict[str, object]]:
    """Turn actions into what the control port takes.

    >>> to_json([Repeat(at=4, count=2)])
    [{'at': 4, 'do': 'repeat', 'count': 2}]
    """
    return [{"at": action.at, "do": action.do} | asdict(action) for action in actions]


def from_json(values: Iterable[Mapping[str, object]]) -> tuple[Action, ...]:
    """Read actions, sorted by their positions.

    Raises:
        ValueError: with one sentence, if an action is unknown, lacks a value or has one that makes no sense.
    """
    return tuple(sorted((_read(value) for value in values), key=lambda action: action.at))


def _read(value: Mapping[str, object]) -> Action:
    name = value.get("do")
    if not isinstance(name, str) or name not in KINDS:
        said = f"action {name} is unknown" if name else "an action needs `do`"
        raise ValueError(f"{said}; allowed: {', '.join(KINDS)}.")
    kind = KINDS[name]
    given = {key: item for key, item in value.items() if key != "do"}
    allowed = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # the values are dataclasses
    for key in given:
        if key not in allowed:
            raise ValueError(f"action {name}: `{key}` is unknown; allowed: {', '.join(allowed)}.")
    try:
        return kind(**given)
    except TypeError:
        missing = [key for key in allowed if key not in given]
        raise ValueError(f"action {name}: it needs {', '.join(missing)}.") from None


def _whole(action: str, name: str, value: object, *, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(
            f"action {action}: `{name}` must be a whole number from {least} on, but it is {value!r}."
        )
