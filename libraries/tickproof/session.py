"""The run that the keyword libraries share: one target, one stack, one exchange, and the scene of each test."""

import contextlib
import functools
import secrets
import shutil
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar, cast

from robot.api import logger
from robot.libraries.BuiltIn import BuiltIn

from tickproof import seams
from tickproof import target as targets
from tickproof.evidence.redaction import SECRETS
from tickproof.exchange.actions import Refuse
from tickproof.exchange.client import ExchangeClient, ExchangeError
from tickproof.misuse import MisuseError, RunRefusedError
from tickproof.no_space import no_space
from tickproof.probes.api import ApiProbe
from tickproof.probes.errors import HopUnreachableError
from tickproof.probes.kafka import KafkaProbe
from tickproof.probes.lake import LakeProbe
from tickproof.scenes import Marks, Place, Scene
from tickproof.stack import Stack, StackError, StackInputError
from tickproof.stack.folders import state_folder

FORMS = {"quick": 1, "slow": 10}
P = TypeVar("P")


class Session:
    """What lasts for a whole `robot` run. Made by `current()`; connects when first asked."""

    def __init__(self) -> None:
        self._own_stack: Stack | None = None
        self._visited: Stack | None = None
        self._visitor: Place | None = None
        self._end_of_visit = ExitStack()
        self._scenes: list[Scene] = []
        self._where: list[Place] = []
        self._held = ExitStack()
        self._holder: Place | None = None
        self._probes: dict[tuple[object, Path], object] = {}
        self._folders: Counter[str] = Counter()
        self.changed_services: set[str] = set()

    # What the run was told

    @property
    def target_named(self) -> str:
        """Return the name or path of the target, as `${TARGET}` says."""
        return _variable("TARGET", "embedded")

    @functools.cached_property
    def target(self) -> targets.Target:
        """Return the target named by `${TARGET}`; one that cannot be loaded ends the run before anything starts."""
        try:
            target = targets.load(self.target_named)
        except targets.TargetError as error:
            raise RunRefusedError(f"The target cannot be loaded, so nothing was started. {error}") from None
        _hide(target, {})
        return target

    @functools.cached_property
    def form(self) -> str:
        """Return `quick` or `slow`, as `${FORM}` says."""
        form = _variable("FORM", "quick")
        if form not in FORMS:
            raise RunRefusedError(
                f"Variable FORM is {form or 'empty'}, so nothing was started; allowed: {', '.join(FORMS)}."
            )
        return form

    @property
    def scale(self) -> int:
        """Return by how much plans are larger than in the quick form."""
        return FORMS[self.form]

    @functools.cached_property
    def seed(self) -> int:
        """Return the run's seed: `${SEED}`, or drawn anew."""
        text = _variable("SEED", str(secrets.randbelow(2**31)))
        if not (text.isascii() and text.isdecimal()):
            raise RunRefusedError(
                f"Variable SEED is {text or 'empty'}, so nothing was started; "
                "it must be a whole number from 0 on."
            )
        return int(text)

    @functools.cached_property
    def seam(self) -> seams.Seam | None:
        """Return the fault that `${SEAM}` plants on the kit's own side; usually none."""
        identity = _variable("SEAM", "")
        if identity and identity not in seams.SEAMS:
            raise RunRefusedError(
                f"Variable SEAM is {identity}, so nothing was started; allowed: {', '.join(seams.SEAMS)}."
            )
        return seams.SEAMS.get(identity)

    @functools.cached_property
    def results(self) -> Path:
        """Return the run's output folder."""
        return Path(_variable("OUTPUT DIR", "."))

    def new_ledger_folder(self) -> Path:
        """Return a folder for the evidence of one verdict of the test that runs; a test may give several."""
        return self._new_folder(f"ledgers/{_file_name(self.place.name)}")

    def _new_folder(self, name: str) -> Path:
        self._folders[name] += 1
        count = self._folders[name]
        folder = self.results / (name if count == 1 else f"{name}-{count}")
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier run into the same output folder
        return folder

    def check(self) -> None:
        """See that all that the run was told makes sense.

        Raises:
            RunRefusedError: It does not; the run ends red, and nothing was started.
        """
        _ = self.target, self.form, self.seed, self.seam

    # The stack

    @property
    def stack(self) -> Stack:
        """Return the running stack."""
        running = self._visited or self._own_stack
        if running is None:
            raise MisuseError("No platform is up; use `Ensure Platform Is Up` in the suite's setup.")
        return running

    @property
    def started(self) -> bool:
        """Tell whether a stack was found or started."""
        return (self._visited or self._own_stack) is not None

    def ensure_up(self) -> Stack:
        """Find the target's kept stack or start one of this run's own."""
        if self._own_stack is None:
            self.check()
            try:
                self._own_stack = Stack.find(self.target) or Stack.up(self.target, progress=logger.console)
            except (StackError, StackInputError) as error:
                raise RunRefusedError(f"The platform did not come up. {error}") from None
            except OSError as error:
                raise RunRefusedError(
                    f"The platform did not come up. {no_space(error, state_folder())}"
                ) from error
            _hide(self.target, self._own_stack.variables, self._own_stack.secrets)
        self._hold()
        return self.stack

    def visit(self, other: Stack, end: Callable[[], object]) -> None:
        """Use another stack than the run's own, until `return_home` or the end of the test that began it.

        Args:
            other: The stack.
            end: Ends it.
        """
        self.return_home()
        self._close_scenes()
        self._visited = other
        self._visitor = self._where[-1] if self._where else None
        self._end_of_visit.callback(end)
        _hide(self.target, other.variables, other.secrets)

    def return_home(self) -> None:
        """End a visit and the stack that was visited, if there is one; its logs stay with the results."""
        visited, visitor = self._visited, self._visitor
        if visited is None:
            return
        self._close_scenes()
        self._forget_probes(visited.folder)
        self._visited = self._visitor = None
        try:
            self._end_of_visit.close()
        finally:
            name = _file_name(visitor.name) if visitor else "visited"
            _keep_logs(visited.folder, self._new_folder(f"stack-{name}"))

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

    def _forget_probes(self, folder: Path) -> None:
        for key in [key for key in self._probes if key[1] == folder]:
            probe = self._probes.pop(key)
            if isinstance(probe, KafkaProbe | ApiProbe):
                probe.close()

    # Whose turn it is

    def enter(self, place: Place) -> None:
        """Note that a test or a suite begins, and hold the stack for it, shared or alone.

        Raises:
            StackError: The stack cannot be held.
        """
        self._where.append(place)
        if self.started:
            self._hold()

    def leave(self, name: str) -> None:
        """End the scene of a test or suite: give its symbols back, let go of the stack."""
        if self._visitor is not None and self._visitor.name == name:
            self.return_home()
        while self._scenes and self._scenes[-1].place.name == name:
            self._close(self._scenes.pop())
        if self._where and self._where[-1].name == name:
            self._where.pop()
        if self._holder is not None and self._holder.name == name:
            self._let_go()

    def close(self) -> None:
        """End the run: take down what this run started; a kept stack stays."""
        self.return_home()
        self._close_scenes()
        own, self._own_stack = self._own_stack, None
        if own is None:
            return
        self._forget_probes(own.folder)
        if not own.kept:
            own.down()
            _keep_logs(own.folder, self.results / "stack")

    @property
    def place(self) -> Place:
        """Return the test, or the suite in its setup, that runs now."""
        return self._where[-1]

    @property
    def scene(self) -> Scene:
        """Return the scene that a keyword reads from: the test's own, or else its suite's."""
        if not self._scenes:
            raise MisuseError(
                "Nothing was sent in this test yet; use `Lease Symbols` and `Send Trades` first."
            )
        return self._scenes[-1]

    @property
    def leased(self) -> tuple[str, ...]:
        """Return the symbols of the test (or of its suite) that runs now."""
        return tuple(leased.symbol for leased in self._scenes[-1].symbols) if self._scenes else ()

    @property
    def stack_mark(self) -> int | None:
        """Return the number of the stack's last event before the test that runs now; None where it has no scene."""
        mine = bool(self._scenes) and self._scenes[-1].place is self.place
        return self._scenes[-1].marks.stack if mine else None

    def own_scene(self) -> Scene:
        """Return the scene of the test (or suite setup) that runs now; open it if need be."""
        stack, place = self.stack, self.place
        if self._scenes and self._scenes[-1].place is place:
            return self._scenes[-1]
        self._hold()
        exchange, timeline = self.exchange.events(), stack.events()
        scene = Scene(
            place=place,
            seed=zlib.crc32(place.title.encode()) ^ self.seed,
            marks=Marks(
                topics=self.kafka.ends() if self.target.hops.kafka else {},
                exchange=int(exchange[-1]["n"]) if exchange else 0,
                stack=timeline[-1].n if timeline else 0,
                lake=self._newest_snapshot(),
            ),
        )
        self._scenes.append(scene)
        return scene

    def _newest_snapshot(self) -> int | None:
        if self.target.hops.lake is None:
            return None
        with contextlib.suppress(HopUnreachableError):  # there is no table yet
            return self.lake.snapshot()
        return None

    def _hold(self) -> None:
        """Hold the stack for whoever runs now, unless the suite around holds it alone already."""
        if not self._where:
            return
        place = self._where[-1]
        if self._holder is not None and (self._holder is place or self._holder.exclusive):
            return
        self._let_go()
        try:
            self._held.enter_context(self.stack.hold(exclusive=place.exclusive, progress=logger.console))
        except OSError as error:
            raise StackError(
                f"The stack in {self.stack.folder} cannot be held ({error.strerror or error})."
            ) from error
        self._holder = place

    def _let_go(self) -> None:
        self._holder = None
        self._held.close()

    def _close_scenes(self) -> None:
        while self._scenes:
            self._close(self._scenes.pop())
        self._let_go()

    def _close(self, scene: Scene) -> None:
        for file in scene.armed:
            file.unlink(missing_ok=True)
        # Where the exchange is gone or stuck, nothing is left that could reach the next test.
        with contextlib.suppress(ExchangeError):
            scene.break_off()
        with contextlib.suppress(ExchangeError):
            if any(isinstance(action, Refuse) for sending in scene.sendings for action in sending.actions):
                self.exchange.act("refuse", count=0)  # those that no connection has met
            for lease in scene.leases:
                self.exchange.release(lease)


@functools.cache
def current() -> Session:
    """Return the session of this process."""
    return Session()


def _variable(name: str, default: str) -> str:
    return str(BuiltIn().get_variable_value(f"${{{name}}}", default)).strip()


def _hide(target: targets.Target, variables: Mapping[str, str], secrets: Sequence[str] = ()) -> None:
    """Learn every secret before anything can print it: those of the target's file, and the stack's own."""
    for source in target.secrets:
        # One that is not there, or not yet, is told by whoever needs it.
        with contextlib.suppress(targets.TargetError):
            source.read(variables)
    for n, secret in enumerate(secrets):
        SECRETS.note(f"key {n + 1} of the stack", secret)


def _keep_logs(folder: Path, kept: Path) -> None:
    """Copy logs and timeline of an ended stack beside the log of the run."""
    kept.mkdir(parents=True, exist_ok=True)
    for path in [*folder.glob("logs/*.log"), *folder.glob("events.jsonl")]:
        shutil.copyfile(path, kept / path.name)


def _file_name(name: str) -> str:
    words = "".join(letter if letter.isalnum() else "-" for letter in name.lower())
    return "-".join(part for part in words.split("-") if part)[-120:] or "run"
