"""What somebody reads who uses a keyword wrongly: one sentence, before anything is started."""

from collections.abc import Iterable

import pytest
from keywords.robots import ROOT, Ended, Robot
from messages.approved import approve

pytestmark = pytest.mark.timeout(300)

BEFORE_ANYTHING = """
Lease Symbols    3
Send Trades    100
Plan Disturbance    drop    at=50%
Finish Sending Trades
Send Trades With Every Kind Of Garbage
Hops Should Hold Every Trade
Hops Should Agree    kafka    lake
Symbols Should Keep Order And Partition
Quiet Symbols Should Be Visible During The Flow    within=1 s
Garbage Should Be Handled As The Table Says    not-json
Sent Should Equal Stored And Quarantined
Gap Should Be Reported By Topic Metric And Log
Feed Should Have Reconnected
Kill Service    feed
Restart Service    feed
Crash Writer At    after-poll
Service Should Have Died And Recovered    feed
Pages Should Give Every Trade Once    10
A Limited Key Should Miss Nothing    page_size=5
A Question Without Bounds Should Give The Same
An Altered Cursor Should Be Refused
Zones Should Give The Same Rows    Z
Limit Should Give Exactly As Many Rows    1
Formats Should Hold Every Trade    csv
Remember Snapshot
Snapshot Should Hold What Was Remembered
Bars Should Equal The Trades    1m
Daily Summaries Should Equal The Trades
Trades Should Stand In The Partition Of Their Day
No Data File Should Be Live Twice
Kafka Values Should Match Their Schema
Dead Letters Should Match Their Schema
Gap Reports Should Match Their Schema
API Answers Should Match Their Schema
Open API Session    analyst    key=default
Every Route Should Answer Empty
Old Rows Should Be Untouched
"""

NONSENSE = """
Lease Symbols    0
Lease Symbols    -3
Send Trades    0
Send Trades    -5
Send Trades    10    per_second=0
Send Trades    10    per_second=-1
Plan Disturbance    drop    at=100%
Plan Disturbance    drop    at=-1
Plan Disturbance    drop    at=middle
Plan Disturbance    drop    at=${EMPTY}
Plan Disturbance    repeat    at=10    count=0
Plan Disturbance    repeat    at=10    count=often
Plan Disturbance    repeat    at=10    times=2
Plan Disturbance    refuse    at=10
Plan Disturbance    skip    at=10    rest_knows=perhaps
Plan Disturbance    stall    at=10    seconds=0
Plan Disturbance    stall    at=10    seconds=nan
Hops Should Hold Every Trade    kafak
Hops Should Agree    kafka
Hops Should Agree    kafka    kafka
Hops Should Agree    kafka    nowhere
Garbage Should Be Handled As The Table Says    rubbish
Crash Writer At    before-breakfast
Pages Should Give Every Trade Once
Pages Should Give Every Trade Once    10    0
A Limited Key Should Miss Nothing    page_size=0
Zones Should Give The Same Rows
Zones Should Give The Same Rows    Z    Kathmandu
Zones Should Give The Same Rows    +25:00
Limit Should Give Exactly As Many Rows
Formats Should Hold Every Trade
Formats Should Hold Every Trade    csv    xml
Bars Should Equal The Trades
Bars Should Equal The Trades    1m    2m
Use Up Limit    guest    at_most=0
"""

TYPES = """
Lease Symbols    many
Plan Disturbance    explode    at=3
Send Trades    10    values=wild
"""

LIBRARIES = "Library    tickproof.warehouses\n"


def calls(lines: str) -> Iterable[str]:
    return [line for line in lines.splitlines() if line.strip()]


def as_tests(lines: str) -> str:
    rows = [f"{line.replace('$', chr(92) + '$').replace('    ', ' ')}\n    {line}" for line in calls(lines)]
    return "\n".join([LIBRARIES, "*** Test Cases ***", *rows])


def told(lines: str, ended: Ended) -> str:
    return "\n".join(f"{line}\n    {ended.tests[line.replace('    ', ' ')].message}" for line in calls(lines))


def red_with_nothing_started(ended: Ended, robot: Robot) -> None:
    assert all(test.status == "FAIL" for test in ended.tests.values())
    assert ended.code == len(ended.tests)
    assert robot.runs() == []


def test_misuse_is_told_in_a_sentence_and_nothing_is_started(robot: Robot) -> None:
    ended = robot.run(as_tests(BEFORE_ANYTHING + NONSENSE))
    red_with_nothing_started(ended, robot)
    approve("keywords-before-anything", told(BEFORE_ANYTHING, ended))
    approve("keywords-nonsense", told(NONSENSE, ended))


TWO_TESTS = f"""
{LIBRARIES}
Suite Setup    The platform is up
*** Test Cases ***
First
    No Operation
Second
    Lease Symbols    1
"""
SOUND = (ROOT / "variables" / "embedded.yaml").read_text()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("run-unknown-target", ("-v", "TARGET:embeded")),
        ("run-broken-target", ("-v", "TARGET:broken.yaml")),
        ("run-unknown-form", ("-v", "FORM:huge")),
        ("run-seed-is-negative", ("-v", "SEED:-7")),
    ],
)
def test_a_run_that_was_told_nonsense_is_red_and_starts_nothing(
    robot: Robot, name: str, options: tuple[str, ...]
) -> None:
    (robot.folder / "broken.yaml").write_text(SOUND.replace("topic: market", "topik: market", 1))
    ended = robot.run(TWO_TESTS, *options)
    red_with_nothing_started(ended, robot)
    (told,) = set(ended.messages.values())
    approve(name, told, hide={str(robot.folder): "HERE", str(ROOT): "ROOT"})
    assert told.splitlines()[-1] in ended.said


def test_a_run_that_needs_no_platform_is_red_too(robot: Robot) -> None:
    ended = robot.run(
        f"{LIBRARIES}*** Test Cases ***\nFirst\n    Should Be Equal    1    1\n", "-v", "TARGET:nonsense"
    )
    red_with_nothing_started(ended, robot)
    assert ended.tests["First"].message.startswith("The target cannot be loaded, so nothing was started.")


def test_a_platform_of_its_own_is_not_started_either(robot: Robot) -> None:
    ended = robot.run(
        f"{LIBRARIES}*** Test Cases ***\nFirst\n    Start Empty Platform\nSecond\n    Lease Symbols    1\n",
        "-v",
        "FORM:",
    )
    red_with_nothing_started(ended, robot)
    assert ended.tests["First"].message == (
        "Variable FORM is empty, so nothing was started; allowed: quick, slow."
    )


def test_a_dry_run_finds_wrong_types_and_starts_nothing(robot: Robot) -> None:
    ended = robot.run(as_tests(TYPES), "--dryrun")
    red_with_nothing_started(ended, robot)
