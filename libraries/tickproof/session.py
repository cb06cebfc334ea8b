"""The run that the keyword libraries share: one target, one stack, one exchange, and the scene of each test."""

import functools
import secrets
import shutil
import zlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

import pyarrow as pa
from robot.api import FatalError, logger
from robot.libraries.BuiltIn import BuiltIn

from tickproof import target as targets
from tickproof.evidence.redaction import SECRETS
from tickproof.exchange.actions import Action
from tickproof.exchange.client import ExchangeClient, Lease, LeasedSymbol, Play
from tickproof.ledger.schemas import SENT
from tickproof.probes.api import ApiProbe
from tickproof.probes.kafka import KafkaProbe
from tickproof.probes.lake import LakeProbe
from tickproof.stack import Stack, StackError

Key = tuple[str, int]
"""Symbol and trade id."""

FORMS = {"quick": 1, "slow": 10}
P = TypeVar("P")


@dataclass(frozen=True)
class Place:
    """The test (or the suite, for its setup) that runs now.

    Attributes:
        name: Its long name.
        test: Its own name.
        source: Its file.
        exclusive: Whether nobody else may use the stack meanwhile.
    """

    name: str
    test: str
    source: Path | None
    exclusive: bool


@dataclass
class Disturbance:
    """What the next plan is to suffer: an action, and where in the plan (a row, or a share of the rows)."""

    do: str
    at: str
    values: dict[str, object]


@dataclass
class Scene:
    """What one test (or one suite's setup) owns: its symbols, what it sent, and what it saw of that.

    Attributes:
        name: The long name of the test or suite.
        test: Its own name.
        source: Its file.
        seed: What its plans are drawn from.
        folder: Where its evidence goes.
        exclusive: Whether nobody else may use the stack meanwhile.
        leases: Its symbols.
        since: The end of each topic when the scene began.
        disturbances: What the next plan is to suffer.
        plays: Its plans, sent or being sent.
        seen: The last complete observation of each hop.
        notes: Whatever a keyword leaves for a later one.
        remembered: A snapshot, and what had been sent by then.
        drawn: How many plans were drawn.
        planned: The id behind the last planned one, by symbol.
        actions: What its plans suffered.
        missed: Trades that a hop was waited for in vain; nobody waits for them again.
    """

    name: str
    test: str
    source: Path | None
    seed: int
    folder: Path
    exclusive: bool
    leases: list[Lease] = field(default_factory=list)
    since: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    disturbances: list[Disturbance] = field(default_factory=list)
    plays: list[Play] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    seen: dict[str, pa.Table] = field(default_factory=dict)
    notes: dict[str, object] = field(default_factory=dict)
    remembered: tuple[int | str, pa.Table] | None = None
    drawn: int = 0
    planned: dict[str, int] = field(default_factory=dict)
    missed: set[Key] = field(default_factory=set)

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
        ledgers = [play.ledger() for play in self.plays]
        return pa.concat_tables(ledgers) if ledgers else SENT.empty_table()

    def next_ids(self) -> dict[str, int]:
        """Return the id of each symbol's next trade, behind what was sent already."""
        return self.first_ids | self.planned

    def next_seed(self) -> int:
        """Return the seed of the scene's next plan."""
        self.drawn += 1
        return (self.seed + self.drawn) % 2**31


class Session:
    """What lasts for a whole `robot` run. Made by `current()`; connects when first asked."""

    def __init__(self) -> None:
        self._own_stack: Stack | None = None
        self._visited: Stack | None = None
        self._scenes: list[Scene] = []
        self._held = ExitStack()
        self._where: list[Place] = []
        self._probes: dict[object, object] = {}
        self.changed_services: set[str] = set()

    @functools.cached_property
    def target(self) -> targets.Target:
        """Return the target named by `${TARGET}`; one that cannot be loaded ends the run before anything starts."""
        name = str(BuiltIn().get_variable_value("${TARGET}", "embedded"))
        try:
            return targets.load(name)
        except targets.TargetError as error:
            raise FatalError(f"The target cannot be loaded, so nothing was started. {error}") from None

    @functools.cached_property
    def form(self) -> str:
        """Return `quick` or `slow`, as `${FORM}` says."""
        form = str(BuiltIn().get_variable_value("${FORM}", "quick"))
        if form not in FORMS:
            raise FatalError(f"Variable FORM is {form}; allowed: {', '.join(FORMS)}.")
        return form

    @property
    def scale(self) -> int:
        """Return by how much plans are larger than in the quick form."""
        return FORMS[self.form]

    @functools.cached_property
    def seed(self) -> int:
        """Return the run's seed: `${SEED}`, or drawn anew."""
        text = str(BuiltIn().get_variable_value("${SEED}", secrets.randbelow(2**31)))
        if not text.isdecimal():
            raise FatalError(f"Variable SEED is {text}; it must be a whole number from 0 on.")
        return int(text)

    @functools.cached_property
    def results(self) -> Path:
        """Return the run's output folder."""
        return Path(str(BuiltIn().get_variable_value("${OUTPUT DIR}")))

    @property
    def stack(self) -> Stack:
        """Return the running stack."""
        running = self._visited or self._own_stack
        if running is None:
            raise ValueError("No platform is up; use `Ensure Platform Is Up` in the suite's setup.")
        return running

    @property
    def started(self) -> bool:
        """Tell whether a stack was found or started."""
        return (self._visited or self._own_stack) is not None

    def ensure_up(self) -> Stack:
        """Find the target's kept stack or start one of this run's own."""
        if self._own_stack is None:
            try:
                self._own_stack = Stack.find(self.target) or Stack.up(self.target, progress=logger.console)
                _hide(self._own_stack)
            except StackError as error:
                raise FatalError(f"The platform did not come up. {error}") from None
        return self._own_stack

    def visit(self, other: Stack | None) -> None:
        """Use another stack than the run's own for a while; None ends the visit. Whoever started it ends it."""
        self.close_scenes()
        self._visited = other

    @property
    def platform(self) -> targets.Target:
        """Return the target with the running stack's addresses in place."""
        return self.target.resolve(self.stack.variables)

    @property
    def exchange(self) -> ExchangeClient:
        """Return the control port of the exchange."""
        url = self.stack.exchange_control_url
        assert url is not None
        return ExchangeClient(url)

    @property
    def kafka(self) -> KafkaProbe:
        """Return the probe of the running stack's topics."""
        return self._probe(KafkaProbe)

    @property
    def lake(self) -> LakeProbe:
        """Return the probe of the running stack's table."""
        return self._probe(LakeProbe)

    @property
    def api(self) -> ApiProbe:
        """Return the probe of the running stack's API."""
        return self._probe(ApiProbe)

    def _probe(self, kind: Callable[[targets.Target, Mapping[str, str]], P]) -> P:
        key = (kind, self.stack.folder)
        if key not in self._probes:
            self._probes[key] = kind(self.target, self.stack.variables)
        return cast("P", self._probes[key])

    def enter(self, place: Place) -> None:
        """Note that a test or a suite begins; its scene opens when a keyword needs it."""
        self._held.close()
        self._where.append(place)

    def leave(self, name: str) -> None:
        """End the scene of a test or suite: give its symbols back."""
        while self._scenes and self._scenes[-1].name == name:
            self._close(self._scenes.pop())
        self._held.close()
        if self._where and self._where[-1].name == name:
            self._where.pop()

    def close_scenes(self) -> None:
        """End all scenes."""
        while self._scenes:
            self._close(self._scenes.pop())
        self._held.close()

    def close(self) -> None:
        """End the run: take down what this run started; a kept stack stays."""
        self.visit(None)
        for probe in self._probes.values():
            if isinstance(probe, KafkaProbe):
                probe.close()
        self._probes.clear()
        if self._own_stack is not None and not self._own_stack.kept:
            self._own_stack.down()
            _keep_logs(self._own_stack.folder, self.results / "stack")
        self._own_stack = None

    @property
    def scene(self) -> Scene:
        """Return the scene that a keyword reads from: the test's own, or else its suite's."""
        if not self._scenes:
            raise ValueError(
                "Nothing was sent in this test yet; use `Lease Symbols` and `Send Trades` first."
            )
        return self._scenes[-1]

    def own_scene(self) -> Scene:
        """Return the scene of the test (or suite setup) that runs now; open it if need be."""
        place = self._where[-1]
        if self._scenes and self._scenes[-1].name == place.name:
            return self._scenes[-1]
        self._held.enter_context(self.stack.hold(exclusive=place.exclusive))
        scene = Scene(
            name=place.name,
            test=place.test,
            source=place.source,
            seed=zlib.crc32(place.test.encode()) ^ self.seed,
            folder=self.results / "ledgers" / _file_name(place.name),
            exclusive=place.exclusive,
            since=self.kafka.ends() if self.target.hops.kafka else {},
        )
        scene.notes["exchange-events"] = self._last_exchange_event()
        self._scenes.append(scene)
        return scene

    def _last_exchange_event(self) -> int:
        events = self.exchange.events()
        return int(events[-1]["n"]) if events else 0

    def _close(self, scene: Scene) -> None:
        for lease in scene.leases:
            self.exchange.release(lease)


@functools.cache
def current() -> Session:
    """Return the session of this process."""
    return Session()


def _hide(stack: Stack) -> None:
    for n, secret in enumerate(stack.secrets):
        SECRETS.add(f"key {n + 1} of the stack", secret)


def _keep_logs(folder: Path, kept: Path) -> None:
    """Copy logs and timeline of an ended stack beside the log of the run."""
    kept.mkdir(parents=True, exist_ok=True)
    for path in [*folder.glob("logs/*.log"), *folder.glob("events.jsonl")]:
        shutil.copyfile(path, kept / path.name)


def _file_name(name: str) -> str:
    words = "".join(letter if letter.isalnum() else "-" for letter in name.lower())
    return "-".join(part for part in words.split("-") if part)[-120:] or "run"
