"""How long whole runs of the suites take, as whoever types the command waits for them, and how much they write."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robot.api import ExecutionResult

from tickproof.bench.carrying import TARGET, own_state
from tickproof.bench.figures import Figure, at_most
from tickproof.bench.process import MeasureError, say
from tickproof.stack.readying import prepare_services
from tickproof.stack.spec import of_target
from tickproof.target import load

SUITES = Path(__file__).resolve().parents[3] / "suites"
MOST_ALL_S = 90
MOST_CRITICAL_S = 20
MOST_OUTPUT_MB = 5


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took.

    Attributes:
        seconds: From the command to its end: the stack's start and stop, and the log, are in it.
        tests: How many tests ran.
        output_mb: The size of its output.xml.
    """

    seconds: float
    tests: int
    output_mb: float


def measure() -> list[dict[str, Any]]:
    """Measure the suites of this checkout on a stack that each run starts and stops itself."""
    if not SUITES.is_dir():
        raise MeasureError(f"there are no suites in {SUITES.parent}; it takes a checkout")
    say("preparing the services")
    prepare_services(of_target(load(TARGET)), say)
    return [figure.as_json() for figure in figures(SUITES)]


def figures(suites: Path) -> list[Figure]:
    """Run all the suites once, and those tagged critical once.

    Raises:
        MeasureError: A test was red, so that the time says nothing.
    """
    load_average = os.getloadavg()[0]
    say("all suites")
    everything = run(suites)
    say("the tests tagged critical")
    critical = run(suites, "-i", "critical")
    return [
        at_most(
            "All suites, the stack's start and stop included", round(everything.seconds, 1), "s", MOST_ALL_S
        ),
        Figure("All suites, tests", everything.tests, "tests"),
        at_most("All suites, output.xml", round(everything.output_mb, 2), "MB", MOST_OUTPUT_MB),
        at_most(
            "Tests tagged critical, the stack's start and stop included",
            round(critical.seconds, 1),
            "s",
            MOST_CRITICAL_S,
        ),
        Figure("Tests tagged critical, tests", critical.tests, "tests"),
        Figure("Whole runs, load average of the machine before", round(load_average, 2), ""),
    ]


def run(suites: Path, *options: str) -> Run:
    """Run suites with `robot`, apart from all other stacks."""
    with own_state(), tempfile.TemporaryDirectory(prefix="tickproof-bench-") as results:
        robot: Sequence[str] = [
            sys.executable,
            "-m",
            "robot",
            "-d",
            results,
            "-v",
            f"TARGET:{TARGET}",
            *options,
        ]
        began = time.perf_counter()
        done = subprocess.run([*robot, str(suites)], capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - began
        output = Path(results) / "output.xml"
        if not output.exists():
            raise MeasureError(f"robot ended with {done.returncode}: {done.stderr.strip()}")
        tests = list(ExecutionResult(output).suite.all_tests)
        red = [test.name for test in tests if not test.passed]
        if red:
            raise MeasureError(f"{len(red)} of {len(tests)} tests did not pass: {', '.join(red)}")
        return Run(seconds, len(tests), output.stat().st_size / 1e6)
