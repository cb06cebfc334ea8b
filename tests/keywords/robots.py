"""Runs small suites as a user does, in a process and with folders of their own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from robot.api import ExecutionResult
from robot.result import TestCase, TestSuite

ROOT = Path(__file__).resolve().parents[2]
RESOURCE = ROOT / "resources" / "journeys.resource"


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
    """Starts `robot`.

    Args:
        folder: Takes suites, results and the state of stacks.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"

    def start(self, suites: Path, results: str = "results", *options: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "robot", "-d", str(self.folder / results), *options, str(suites)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env={**os.environ, "TICKPROOF_STATE_DIR": str(self.state)},
        )

    def run(self, text: str, *options: str, resource: Path | None = RESOURCE) -> Ended:
        suite = self.folder / "suite.robot"
        settings = f"*** Settings ***\nResource    {resource}\n" if resource else ""
        suite.write_text(settings + text)
        process = self.start(suite, "results", *options)
        said, _ = process.communicate(timeout=110)
        return Ended(process.returncode, said, self.folder / "results")

    def runs(self) -> list[Path]:
        """Returns the folders of all stacks that were started."""
        return sorted((self.state / "runs").glob("*")) if (self.state / "runs").exists() else []
