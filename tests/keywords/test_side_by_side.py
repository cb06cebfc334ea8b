"""Two runs at once, and a run that is killed."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from keywords.robots import ROOT, Robot
from robot.api import ExecutionResult
from tickproof.stack import processes

pytestmark = pytest.mark.stack

EXAMPLES = ROOT / "suites" / "examples"
FLOW = f"""\
*** Settings ***
Resource       {ROOT}/resources/pipeline.resource
Suite Setup    The platform is up
*** Test Cases ***
A Flow
    Lease Symbols    2
    Start Sending Trades    60000    per_second=1000
    Log To Console    flowing
    Finish Sending Trades
    Every hop holds every trade
"""


def left_behind(state: Path) -> list[str]:
    """Names the processes that belong to stacks of this state folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(processes.MARK, "").startswith(str(state)):
                found.append(f"{process.pid} {' '.join(process.cmdline())[:120]}")
        except (psutil.Error, OSError):
            continue
    return found


def until(true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_two_runs_side_by_side_are_green_and_leave_nothing(robot: Robot) -> None:
    started = [robot.start(EXAMPLES, results) for results in ("one", "two")]
    for process in started:
        said, _ = process.communicate(timeout=100)
        assert process.returncode == 0, said
    assert len(robot.runs()) == 2
    for results in ("one", "two"):
        (test,) = ExecutionResult(robot.folder / results / "output.xml").suite.all_tests
        assert test.status == "PASS"
        assert (robot.folder / results / "stack" / "feed.log").exists()
        assert list((robot.folder / results / "ledgers").glob("*/sent.parquet"))
    assert left_behind(robot.state) == []
    assert [folder for folder in robot.runs() if (folder / "data").exists()] == []


def test_a_run_killed_under_flow_leaves_no_process(robot: Robot) -> None:
    suite = robot.folder / "flow.robot"
    suite.write_text(FLOW)
    process = robot.start(suite)
    assert process.stdout is not None
    said = ""
    while "flowing" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    assert len(left_behind(robot.state)) >= 6  # a supervisor, the exchange and four services
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert until(lambda: left_behind(robot.state) == [], 8), left_behind(robot.state)
