"""What one test owns while it runs: its symbols, what it sent, and what it saw of that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pyarrow as pa

from tickproof.exchange.actions import Action
from tickproof.exchange.client import Lease, LeasedSymbol, Play
from tickproof.ledger.schemas import SENT
from tickproof.misuse import MisuseError
from tickproof.probes.metrics import Metrics

Key = tuple[str, int]
"""Symbol and trade id."""


@dataclass(frozen=True)
class Place:
    """The test (or the suite, for its setup) that runs now.

    Attributes:
        name: Its long name.
        title: Its own name.
        is_test: Whether it is a test.
        source: Its file.
        exclusive: Whether nobody else may use the stack meanwhile.
    """

    name: str
    title: str
    is_test: bool
    source: Path | None
    exclusive: bool


@dataclass(frozen=True)
class Disturbance:
    """What the next plan is to suffer: an action, and where in the plan (a row, or a share of the rows)."""

    do: str
    at: str
    values: Mapping[str, object]


@dataclass(frozen=True)
class Sending:
    """A plan on its way, how long that may take at most, and what it suffers.

    `claim` makes what the ledger claims of what the exchange did: the same, but for a seam.
    """

    play: Play
    within: timedelta
    actions: tuple[Action, ...] = ()
    claim: Callable[[pa.Table], pa.Table] = lambda ledger: ledger

    def ledger(self) -> pa.Table:
        """Return what was sent of it so far (schema SENT)."""
        return self.claim(self.play.ledger())


@dataclass(frozen=True)
class Strike:
    """A fault that was to hit a flow: what happened to which service, when, and the flow."""

    service: str
    what: str
    at_ns: int
    flow: Sending


@dataclass(frozen=True)
class Marks:
    """Where the timelines of others stood when a scene began.

    Attributes:
        topics: The end of each topic.
        exchange: The number of the exchange's last event.
        stack: The number of the stack's last event.
        lake: The newest snapshot; None where there was none, or no lake.
    """

    topics: Mapping[str, Mapping[int, int]]
    exchange: int
    stack: int
    lake: int | None = None


@dataclass
class Scene:
    """What one test (or one suite's setup) owns.

    Attributes:
        place: The test or suite.
        seed: What its plans are drawn from.
        marks: Where everything stood when it began.
        leases: Its symbols.
        disturbances: What the next plan is to suffer.
        sendings: Its plans, sent or being sent.
        seen: The last complete observation of each hop.
        ends: Where each partition of the topic of trades ended when all that was waited for was in it.
        faults: By service, the number of the stack's last event before the test harmed it.
        gaps_before: The feed's metrics before a gap that nobody can repair.
        garbage: By kind, the symbol among whose trades it stands.
        remembered: A snapshot, and what had been sent by then.
        drawn: How many plans were drawn.
        planned: The id behind the last planned one, by symbol.
        missed: Trades that a hop was waited for in vain; nobody waits for them again.
        letters_missed: Whether a dead letter was waited for in vain.
        strikes: Faults that were to hit a flow.
        armed: Files that tell a service to crash.
        counters: What each service had counted when figures were remembered.
        memory: What each service took then, in bytes.
        logs: How far each log went when logs were remembered, in bytes.
        finished: How many plans the story has waited for.
    """

    place: Place
    seed: int
    marks: Marks
    leases: list[Lease] = field(default_factory=list)
    disturbances: list[Disturbance] = field(default_factory=list)
    sendings: list[Sending] = field(default_factory=list)
    seen: dict[str, pa.Table] = field(default_factory=dict)
    ends: Mapping[int, int] | None = None
    faults: dict[str, int] = field(default_factory=dict)
    gaps_before: Metrics | None = None
    garbage: dict[str, str] = field(default_factory=dict)
    remembered: tuple[int | str, pa.Table] | None = None
    drawn: int = 0
    planned: dict[str, int] = field(default_factory=dict)
    missed: set[Key] = field(default_factory=set)
    letters_missed: bool = False
    strikes: list[Strike] = field(default_factory=list)
    armed: list[Path] = field(default_factory=list)
    counters: dict[str, float] | None = None
    memory: dict[str, int] = field(default_factory=dict)
    logs: dict[Path, int] | None = None
    finished: int = 0

    @property
    def symbols(self) -> tuple[LeasedSymbol, ...]:
        """Return the symbols that the scene owns, with their first ids."""
        return tuple(symbol for lease in self.leases for symbol in lease.symbols)

    @property
    def first_ids(self) -> dict[str, int]:
        """Return the first trade id of each of its symbols."""
        return {symbol.symbol: symbol.next_id for symbol in self.symbols}

    def sent(self) -> pa.Table:
        """Return the ledger of all plays so far (schema SENT)."""
        ledgers = [sending.ledger() for sending in self.sendings]
        return pa.concat_tables(ledgers) if ledgers else SENT.empty_table()

    def next_ids(self) -> dict[str, int]:
        """Return the id of each symbol's next trade, behind what was planned already."""
        return self.first_ids | self.planned

    def next_seed(self) -> int:
        """Return the seed of the scene's next plan."""
        self.drawn += 1
        return (self.seed + self.drawn) % 2**31

    def flow(self) -> Sending:
        """Return the plan that was sent last.

        Raises:
            MisuseError: None was.
        """
        if not self.sendings:
            raise MisuseError("Nothing is being sent; use `Send Trades` or `Start Sending Trades` first.")
        return self.sendings[-1]

    def break_off(self) -> None:
        """Send nothing more of any plan.

        Raises:
            ExchangeError: The exchange is gone or stuck.
        """
        for sending in self.sendings:
            sending.play.break_off()

    def finish(self) -> None:
        """Wait until the last trade of every plan is sent.

        Raises:
            ExchangeError: A plan failed.
            WaitError: One did not end in time.
        """
        for sending in self.sendings:
            sending.play.wait(sending.within)
        self.finished = len(self.sendings)
