"""Runs suites against a defective platform: one kept stack, of which only the service concerned is restarted."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml
from robot.api import ExecutionResult
from tickproof import target
from tickproof.stack import Stack

from tickerplant.defects.model import MARKER, Defect

ROOT = Path(__file__).resolve().parents[2]
SUITES = ROOT / "suites"
SEED = 20260301
"""The same plans every time, so that a defect which acts once in so many trades acts at the same ones."""


@dataclass(frozen=True)
class Verdict:
    """How one test of the suites ended."""

    status: str
    message: str


@dataclass(frozen=True)
class Run:
    """What `robot` said."""

    exit_code: int
    verdicts: dict[str, Verdict]
    said: str
    seconds: float


class Lane:
    """A kept platform to be broken and mended; beside it, one at a time, platforms that are broken from the start.

    Args:
        folder: Takes the state of stacks, and what runs leave behind.
        apart: Defects that need a stack of their own.
    """

    def __init__(self, folder: Path, apart: Sequence[Defect]) -> None:
        self.folder = folder
        self.stack = Stack.up(target.load("embedded"), keep=True)
        self._broken: str | None = None
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="apart")
        self._apart = {defect.id: self._beside.submit(self._attack_apart, defect) for defect in apart}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._beside.shutdown(cancel_futures=True)
        self.stack.down()

    def marker(self, defect: Defect) -> Path:
        return self.folder / f"{defect.id}.reached"

    def attack(self, defect: Defect) -> Run:
        """Break the platform, and run the tests that have to notice."""
        if defect.needs_own_stack:
            return self._apart[defect.id].result()
        if self._broken != defect.service:
            self.mend()
        command = [sys.executable, "-m", "tickerplant.defects", defect.service, defect.id]
        self._broken = defect.service
        # The suites wait themselves until all is healthy; they start while the service does.
        self.stack.restart(defect.service, command=command, environment={MARKER: str(self.marker(defect))})
        return self.run(defect.id, [*defect.before, *defect.kills])

    def mend(self) -> None:
        """Let the service that was broken last run as configured."""
        if self._broken is not None:
            self.stack.restart(self._broken)
            self.stack.wait_healthy([self._broken], within=30)
            self._broken = None

    def run(self, name: str, tests: Sequence[str], platform: str = "embedded") -> Run:
        """Run tests, given by their full names without the root, as a user would."""
        results = self.folder / "results" / name
        chosen = [word for test in tests for word in ("--test", f"Suites.{_literal(test)}")]
        options = ["-v", f"TARGET:{platform}", "-v", f"SEED:{SEED}", "--log", "NONE", "--report", "NONE"]
        began = time.monotonic()
        robot = subprocess.run(
            [sys.executable, "-m", "robot", "-d", str(results), *options, *chosen, str(SUITES)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd=ROOT,
            env=os.environ,
        )
        found = ExecutionResult(results / "output.xml").suite.all_tests if robot.returncode < 250 else ()
        return Run(
            exit_code=robot.returncode,
            verdicts={
                each.full_name.removeprefix("Suites."): Verdict(each.status, each.message) for each in found
            },
            said=robot.stdout,
            seconds=time.monotonic() - began,
        )

    def _attack_apart(self, defect: Defect) -> Run:
        own = _own_target(self.folder, defect, self.marker(defect))
        return self.run(defect.id, [*defect.before, *defect.kills], str(own))


def _literal(name: str) -> str:
    """Write a name so that Robot does not take it for a pattern."""
    return re.sub(r"([*?\[])", r"[\1]", name)


def _own_target(folder: Path, defect: Defect, marker: Path) -> Path:
    """Describe a platform that is defective as configured: its stack comes and goes with the run."""
    compose = yaml.safe_load((ROOT / "tickerplant" / "compose.yaml").read_text())
    local = compose["services"][defect.service]["x-local"]
    local["command"] = ["python", "-m", "tickerplant.defects", defect.service, defect.id]
    local["environment"][MARKER] = str(marker)
    composed = folder / f"{defect.id}.compose.yaml"
    composed.write_text(yaml.safe_dump(compose, sort_keys=False))
    text = (ROOT / "variables" / "embedded.yaml").read_text()
    text = text.replace("../tickerplant/compose.yaml", str(composed))
    text = text.replace("../tickerplant/", f"{ROOT}/tickerplant/").replace("name: embedded", "name: own", 1)
    path = folder / f"{defect.id}.target.yaml"
    path.write_text(text)
    return path
