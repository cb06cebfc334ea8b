"""Runs small suites as a user does, in a process and with folders of their own."""

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from common.left import left_behind
from common.waits import until
from robot.api import ExecutionResult
from robot.result import TestCase, TestSuite

ROOT = Path(__file__).resolve().parents[2]
RESOURCE = ROOT / "resources" / "journeys.resource"
PATIENCE = 240.0
"""Seconds that a run may take; tests that start some may take 300."""
ENDS_WITHIN = 10.0
"""Seconds that a run which is told to end may take for its teardowns and its stack; a killed one's ends by itself."""


@dataclass
class Ended:
    """What a run left behind."""

    code: int
    said: str
    results: Path

    @cached_property
    def suite(self) -> TestSuite:
        return ExecutionResult(self.results / "output.xml").suite

    @property
    def tests(self) -> dict[str, TestCase]:
        return {test.name: test for test in self.suite.all_tests}

    @property
    def messages(self) -> dict[str, str]:
        return {name: test.message for name, test in self.tests.items()}


class Robot:
    """Starts `robot`, and ends what it started.

    Args:
        folder: Takes suites, results and the state of stacks.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self._started: list[subprocess.Popen[str]] = []

    def start(self, suites: Path, results: str = "results", *options: str) -> "subprocess.Popen[str]":
        return self._start("-d", str(self.folder / results), *options, str(suites))

    def run(self, text: str, *options: str, resource: Path | None = RESOURCE) -> Ended:
        suite = self.folder / "suite.robot"
        settings = f"*** Settings ***\nResource    {resource}\n" if resource else ""
        suite.write_text(settings + text)
        return self._ended(self.start(suite, "results", *options))

    def again(self, command: str) -> Ended:
        """Runs what a log gives as the command to replay a test, from the folder in which the test was run."""
        robot, *words = shlex.split(command)
        assert robot == "robot"
        return self._ended(self._start(*words))

    def end(self) -> None:
        """Ends every run that still goes on, as Ctrl-C does, and waits until their stacks are gone, too."""
        for process in self._started:
            if process.poll() is None:
                process.terminate()
                try:
                    process.communicate(timeout=ENDS_WITHIN)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
        until(lambda: not left_behind(self.state))

    def _start(self, *arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "robot", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env={**os.environ, "TICKPROOF_STATE_DIR": str(self.state)},
        )
        self._started.append(process)
        return process

    def _ended(self, process: "subprocess.Popen[str]") -> Ended:
        said, _ = process.communicate(timeout=PATIENCE)
        return Ended(process.returncode, said, self.folder / "results")

    def runs(self) -> list[Path]:
        """Returns the folders of all stacks that were started."""
        return sorted((self.state / "runs").glob("*")) if (self.state / "runs").exists() else []
