"""Every claim can fail: each defect turns the tests that it names red, with a sentence that is true of it."""

import re

import pytest
from lane import Lane

from tickerplant.defects.catalog import every
from tickerplant.defects.model import Defect

pytestmark = [pytest.mark.stack, pytest.mark.defects, pytest.mark.timeout(180)]

CONTROL = (
    "Examples.My First.My First Trades Arrive",
    "Journeys.An Analyst Pages A Day.Single Row Pages Give The Whole Day",
    "Journeys.The Published Contract Holds.Every Route Answers As Published",
    "Pipeline.Every Trade Arrives.Every Symbol Keeps Its Order And Its Partition",
    "Pipeline.Disconnects Cost Nothing.Skipped Ids That The Venue Knows Are Repaired",
    "Pipeline.Values Stay Exact.Values Are Exact In Microseconds",
)


# Those with stacks of their own run beside the others from the start, and are looked at last.
@pytest.mark.parametrize(
    "defect", sorted(every(), key=lambda defect: defect.needs_own_stack), ids=lambda defect: defect.id
)
def test_the_suites_notice(defect: Defect, lane: Lane, capsys: pytest.CaptureFixture[str]) -> None:
    run = lane.attack(defect)
    with capsys.disabled():
        print(f"\n  {run.seconds:5.1f} s  {defect.id} ({len(defect.kills)})", end="  ", flush=True)
    assert run.exit_code not in {0, 251, 252, 253, 254, 255}, run.said
    assert lane.marker(defect).exists(), f"{defect.id} never acted\n{run.said}"
    for name in defect.kills:
        verdict = run.verdicts[name]
        assert verdict.status == "FAIL", f"{name} survived {defect.id}\n{run.said}"
        assert "VOID:" not in verdict.message, verdict.message
        assert re.search(defect.says, verdict.message, re.DOTALL), verdict.message


def test_the_mended_platform_is_clean(lane: Lane) -> None:
    lane.mend()
    run = lane.run("control", CONTROL)
    assert run.exit_code == 0, run.said
    assert {name for name, verdict in run.verdicts.items() if verdict.status == "PASS"} == set(CONTROL)
