"""The control port of the exchange, as Python calls."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa

from tickproof.exchange.plan import Plan


class ExchangeError(AssertionError):
    """The exchange refused a request or could not be reached; the message is the sentence to show."""


@dataclass(frozen=True, slots=True)
class LeasedSymbol:
    """A symbol that belongs to one test, and the id of its next trade."""

    symbol: str
    next_id: int


@dataclass(frozen=True, slots=True)
class Lease:
    """Symbols that belong to one test until it gives them back."""

    id: str
    symbols: tuple[LeasedSymbol, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a play is (GET /plays/{id})."""

    state: str
    total: int
    sent: int
    started_ns: int | None
    ended_ns: int | None
    late_p99_ns: int | None
    reason: str | None


class Play:
    """A plan being sent."""

    id: str

    def progress(self) -> Progress:
        """Ask how far the play is."""
        raise NotImplementedError

    def wait(self, within: timedelta) -> Progress:
        """Wait until all was sent."""
        raise NotImplementedError

    def ledger(self) -> pa.Table:
        """Return what was sent (schema SENT)."""
        raise NotImplementedError


class ExchangeClient:
    """Calls of the exchange's control port."""

    def __init__(self, control_url: str) -> None:
        self.control_url = control_url

    def lease(self, count: int, *, only: Sequence[str] | None = None) -> Lease:
        """Lease symbols: POST /leases {count, owner_pid, only}."""
        raise NotImplementedError

    def release(self, lease: Lease) -> None:
        """Give symbols back: DELETE /leases/{id}."""
        raise NotImplementedError

    def play(self, plan: Plan) -> Play:
        """Send a plan: POST /plays, Arrow IPC stream; schema metadata key "actions" holds their JSON list."""
        raise NotImplementedError

    def act(self, do: str, **values: object) -> dict[str, object]:
        """Misbehave now: POST /act {do, ...}."""
        raise NotImplementedError

    def state(self) -> dict[str, object]:
        """Return GET /state."""
        raise NotImplementedError

    def events(self, since: int = 0) -> list[dict[str, object]]:
        """Return GET /events?since=N."""
        raise NotImplementedError

    def wait_subscribed(self, symbols: Iterable[str], within: timedelta) -> None:
        """Wait until each symbol's trade stream has a subscriber (state: connections[].streams)."""
        raise NotImplementedError
