"""Two runs at once, and a run that is killed."""

import signal
import subprocess

import pytest
from common.left import left_behind
from common.waits import until
from keywords.robots import PATIENCE, ROOT, Robot
from robot.api import ExecutionResult

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

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


def test_two_runs_side_by_side_are_green_and_leave_nothing(robot: Robot) -> None:
    started = [robot.start(EXAMPLES, results) for results in ("one", "two")]
    for process in started:
        said, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, said
    assert len(robot.runs()) == 2
    for results in ("one", "two"):
        (test,) = ExecutionResult(robot.folder / results / "output.xml").suite.all_tests
        assert test.status == "PASS"
        assert (robot.folder / results / "stack" / "feed.log").exists()
        assert list((robot.folder / results / "ledgers").glob("*/sent.parquet"))
    assert left_behind(robot.state) == []
    assert [folder for folder in robot.runs() if (folder / "data").exists()] == []


def flowing(robot: Robot) -> "subprocess.Popen[str]":
    """Starts a run and waits until its trades flow."""
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
    return process


def test_a_run_killed_under_flow_leaves_no_process(robot: Robot) -> None:
    process = flowing(robot)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    until(lambda: left_behind(robot.state) == [])


def test_a_test_that_gives_up_on_a_run_leaves_none_behind(robot: Robot) -> None:
    process = flowing(robot)
    robot.end()
    assert process.poll() is not None
    assert left_behind(robot.state) == []
