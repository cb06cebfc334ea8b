"""The control port of the exchange, as Python calls."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa
import requests

from tickproof.exchange.actions import to_json
from tickproof.exchange.frames import stream_name
from tickproof.exchange.plan import Plan
from tickproof.waiting import patiently

PATIENCE_S = 30
"""Seconds that one answer of the control port may take; a plan of millions of rows is prepared meanwhile."""


class ExchangeError(AssertionError):
    """The exchange refused a request or could not be reached; the message is the sentence to show."""

    ROBOT_SUPPRESS_NAME = True  # Robot shows the message alone


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
    """How far a play is.

    Attributes:
        state: "running", "done" or "failed".
        total: rows of the plan.
        sent: rows that were handed to a socket or passed over as the plan says.
        started_ns: when the first row was due, in ns since the epoch.
        ended_ns: when the last row was gone.
        late_p99_ns: how late rows were handed over, 99th percentile.
        reason: why it failed.
    """

    state: str
    total: int
    sent: int
    started_ns: int | None = None
    ended_ns: int | None = None
    late_p99_ns: int | None = None
    reason: str | None = None


class ExchangeClient:
    """Calls of the exchange's control port. Opens no connection before the first call."""

    def __init__(self, control_url: str) -> None:
        self.control_url = control_url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the machine has no business on the loopback interface

    def lease(self, count: int, *, only: Sequence[str] | None = None, seed: int | None = None) -> Lease:
        """Lease symbols; they fall back when this process ends.

        Args:
            count: how many.
            only: names to choose from; None: all.
            seed: what their order follows from: the same seed gives the same symbols, if they are free. None: the
                least recently used first.

        Raises:
            ExchangeError: if fewer are free.
        """
        wish: dict[str, object] = {"count": count, "owner_pid": os.getpid()}
        wish |= {"only": list(only)} if only else {}
        wish |= {} if seed is None else {"seed": seed}
        answer = self._json("POST", "/leases", json=wish)
        symbols = tuple(LeasedSymbol(one["symbol"], one["next_id"]) for one in answer["symbols"])
        return Lease(str(answer["lease"]), symbols)

    def release(self, lease: Lease) -> None:
        """Give symbols back."""
        self._call("DELETE", f"/leases/{lease.id}")

    def play(self, plan: Plan) -> "Play":
        """Begin to send a plan.

        Raises:
            ExchangeError: if the exchange refuses it; the sentence says why.
        """
        actions = json.dumps(to_json(plan.actions))
        table = plan.table.replace_schema_metadata({"actions": actions, "seed": str(plan.seed)})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        body = memoryview(sink.getvalue())
        headers = {"Content-Type": "application/vnd.apache.arrow.stream"}
        return Play(self, str(self._json("POST", "/plays", data=body, headers=headers)["play"]))

    def act(self, do: str, **values: object) -> Mapping[str, Any]:
        """Misbehave now, whatever is being played."""
        done: Mapping[str, Any] = self._json("POST", "/act", json={"do": do} | values)
        return done

    def state(self) -> Mapping[str, Any]:
        """Return connections, plays, counters and the clock."""
        state: Mapping[str, Any] = self._json("GET", "/state")
        return state

    def events(self, since: int = 0) -> list[Mapping[str, Any]]:
        """Return what happened after event number `since`."""
        events: list[Mapping[str, Any]] = self._json("GET", f"/events?since={since}")
        return events

    def wait_subscribed(self, symbols: Iterable[str], within: timedelta) -> None:
        """Wait until each symbol's trade stream has a subscriber.

        Raises:
            WaitError: if some have none when the budget is spent; it names them.
        """
        wanted = {stream_name(symbol) for symbol in symbols}
        patiently(
            lambda: sorted(wanted - self._subscribed()),
            until=lambda missing: not missing,
            within=within,
            every=timedelta(milliseconds=20),
            what=f"the platform should subscribe to {len(wanted)} trade streams",
            describe=lambda missing: f"{len(missing)} have no subscriber: {_few(missing)}",
        )

    def _subscribed(self) -> set[str]:
        return {stream for connection in self.state()["connections"] for stream in connection["streams"]}

    def _json(self, method: str, path: str, **content: object) -> Any:  # noqa: ANN401 - JSON has no static type
        return self._call(method, path, **content).json()

    def _call(self, method: str, path: str, **content: Any) -> requests.Response:  # noqa: ANN401 - passed on as is
        try:
            answer = self._session.request(method, self.control_url + path, timeout=PATIENCE_S, **content)
        except requests.Timeout:
            raise ExchangeError(
                f"the simulated exchange did not answer {method} {path} within {PATIENCE_S} s."
            ) from None
        except requests.RequestException as error:
            raise ExchangeError(
                f"the simulated exchange does not answer at {self.control_url};"
                " `tickproof status` tells whether its process runs."
            ) from error
        if not answer.ok:
            raise ExchangeError(f"the simulated exchange refused {method} {path}: {_reason(answer)}")
        return answer


class Play:
    """A plan that is being sent, or was."""

    def __init__(self, client: ExchangeClient, play_id: str) -> None:
        self.id = play_id
        self._client = client

    def progress(self) -> Progress:
        """Ask how far the play is."""
        answer = self._client._json("GET", f"/plays/{self.id}")  # noqa: SLF001 - client and play are one thing
        return Progress(**{name: answer.get(name) for name in Progress.__slots__})

    def break_off(self) -> None:
        """Send nothing more; ids that were not sent go to the next plan. A play that is over stays as it is."""
        self._client._json("DELETE", f"/plays/{self.id}")  # noqa: SLF001 - same

    def wait(self, within: timedelta) -> Progress:
        """Wait until the last row is gone.

        Raises:
            ExchangeError: if the play failed.
            WaitError: if it is not at its end when the budget is spent.
        """
        end = patiently(
            self.progress,
            until=lambda now: now.state != "running",
            within=within,
            every=timedelta(milliseconds=20),
            what="the exchange should send the whole plan",
            describe=lambda now: f"{now.sent:,} of {now.total:,} rows",
            progress=lambda now: now.sent,
        )
        if end.state != "done":
            raise ExchangeError(
                f"the simulated exchange stopped after {end.sent:,} of {end.total:,} rows: {end.reason}"
            )
        return end

    def ledger(self) -> pa.Table:
        """Return what was due, handed over and gone so far (schema SENT)."""
        body = self._client._call("GET", f"/plays/{self.id}/ledger").content  # noqa: SLF001 - same
        return pa.ipc.open_stream(body).read_all()


def _reason(answer: requests.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return answer.text.strip() or f"status {answer.status_code}"


def _few(names: Sequence[str], most: int = 5) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
