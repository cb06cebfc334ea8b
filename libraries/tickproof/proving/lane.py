"""Breaks a platform, one defect at a time, and sees whether the suites notice.

One warm stack: only the service concerned is restarted with the defect, and again without. Then the first test that
had to notice runs once more, on the mended platform: it has to be green there. A defect that leaves damage in the
table, or that the tests themselves restart, gets a platform of its own.
"""

import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tickproof import seams
from tickproof.proving import own_target
from tickproof.proving.catalog import Planted
from tickproof.proving.ended import Ended
from tickproof.proving.matrix import Attack
from tickproof.proving.places import own_state_folder
from tickproof.proving.runs import Robots, RunBrokeOffError, Tests
from tickproof.stack import Stack, StackError
from tickproof.stack.starting import Progress
from tickproof.target import Target

SMOKE_FILE = Path(__file__).parent / "naive_smoke.robot"
SMOKE = "Naive Smoke.The Platform Looks Fine"
SUITES = "Suites"

CONTROL = (
    "Examples.My First.My First Trades Arrive",
    "Journeys.An Analyst Pages A Day.Single Row Pages Give The Whole Day",
    "Journeys.The Published Contract Holds.Every Route Answers As Published",
    "Pipeline.Every Trade Arrives.Every Symbol Keeps Its Order And Its Partition",
    "Pipeline.Disconnects Cost Nothing.Skipped Ids That The Venue Knows Are Repaired",
    "Pipeline.Values Stay Exact.Values Are Exact In Microseconds",
)
"""What has to be green in the end: a test of each part, on the mended platform."""

_HEALTHY_WITHIN = 30.0


class Lane:
    """A platform to be broken and mended. Use as a context manager, on the main thread.

    Args:
        target: Whose platform. Only a local stack can be broken; seams go with any.
        suites: The folder of the suites.
        results: Takes what runs leave behind.
        seed: What all plans are drawn from, so that a defect which acts once in so many trades acts at the same ones.
        progress: Called with a line of text while the stack starts.
    """

    def __init__(self, target: Target, suites: Path, results: Path, *, seed: int, progress: Progress) -> None:
        self._target = target
        self._suites = suites
        self._results = results.resolve()
        self._seed = seed
        self._progress = progress
        self._open = ExitStack()
        self._stack: Stack | None = None
        self._broken: str | None = None

    def __enter__(self) -> Self:
        with self._open:
            state = self._open.enter_context(own_state_folder())
            self._markers = state / "reached"
            self._markers.mkdir()
            if self._target.stack.driver == "local":
                self._stack = Stack.up(self._target, lend=True, progress=self._progress)
                self._open.callback(self._stack.down)
            self._robots = self._open.enter_context(
                Robots([self._suites, SMOKE_FILE], {seams.REACHED: str(self._markers / "seam")})
            )
            self._open = self._open.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def attack(self, planted: Planted, *, everything: bool = False) -> Attack:
        """Plant one defect, run the tests that have to notice, and mend the platform.

        Args:
            planted: The defect.
            everything: Run all suites, not only those tests.
        """
        began = time.monotonic()
        folder = self._results / planted.id
        shutil.rmtree(folder, ignore_errors=True)
        marker = self._markers / ("seam" if planted.is_seam else planted.id)
        marker.unlink(missing_ok=True)
        named = [] if everything else [*planted.before, *planted.kills]
        # Among all tests some restart services as configured, so that the defect has to be so.
        own_stack = planted.own_stack or (everything and not planted.is_seam and self._stack is not None)
        try:
            seen, broke_off = self._run_broken(planted, folder, marker, named, own_stack=own_stack), ""
        except (RunBrokeOffError, StackError) as error:
            seen, broke_off = {}, f"the run broke off: {error}"
        reached = marker.exists()
        control: Tests = {}
        if not own_stack:  # whether or not the run gave anything: the next defect needs a sound platform
            self._mend()
            control = self._control(planted.kills[:1], folder / "control")
        return Attack(
            tests=_of_suites(seen),
            reached=reached,
            smoke=seen.get(SMOKE),
            broke_off=broke_off,
            control=control,
            seconds=time.monotonic() - began,
        )

    def mend(self) -> None:
        """Let the service that was broken last run as configured, and wait until it does."""
        mended = self._mend()
        if mended is not None and self._stack is not None:
            self._stack.wait_healthy([mended], within=_HEALTHY_WITHIN)

    def _mend(self) -> str | None:
        """Restart the service that was broken last; who runs a suite next waits there until it is healthy."""
        mended, self._broken = self._broken, None
        if mended is not None and self._stack is not None:
            self._stack.restart(mended)
        return mended

    def control(self) -> Tests:
        """Run a test of each part on the mended platform, and the naive one."""
        self.mend()
        return self._control(CONTROL, self._results / "control", SMOKE)

    def _run_broken(
        self, planted: Planted, folder: Path, marker: Path, named: Sequence[str], *, own_stack: bool
    ) -> Tests:
        target, seam = str(self._target.file), {}
        if planted.is_seam:
            seam = {"SEAM": planted.id}
        elif own_stack:
            target = str(own_target.write(self._target, planted, folder, marker))
        else:
            self._break(planted, marker)
        # A naive test has nothing to do with what the kit plants on its own side.
        smoke = () if planted.is_seam else (SMOKE,)
        tests = [*(f"{SUITES}.{name}" for name in named), *smoke] if named else ()
        return self._robots.run(folder, self._variables(target) | seam, tests=tests)

    def _break(self, planted: Planted, marker: Path) -> None:
        assert self._target.defects is not None
        if self._stack is None:
            raise StackError(
                f"The platform of {self._target.name} is not started here, so it cannot be broken."
            )
        command = [*self._target.defects.command, planted.service, planted.id]
        self._broken = planted.service
        # The suites wait themselves until all is healthy; they start while the service does.
        self._stack.restart(
            planted.service, command=command, environment={self._target.defects.marker: str(marker)}
        )

    def _control(self, names: Sequence[str], folder: Path, *more: str) -> Tests:
        try:
            seen = self._robots.run(
                folder,
                self._variables(str(self._target.file)),
                tests=[*(f"{SUITES}.{name}" for name in names), *more],
            )
        except RunBrokeOffError as error:
            return {name: Ended("FAIL", str(error)) for name in names}
        return _of_suites(seen) | {name: seen[name] for name in more if name in seen}

    def _variables(self, target: str) -> dict[str, object]:
        return {"TARGET": target, "SEED": self._seed}


def _of_suites(seen: Tests) -> dict[str, Ended]:
    prefix = f"{SUITES}."
    return {name.removeprefix(prefix): test for name, test in seen.items() if name.startswith(prefix)}
