"""A run in which nothing was judged is red: in the return code, in output.xml and so in the log."""

import pytest
from evidence.runs import RunRobot
from robot import running
from tickproof.evidence.judges import judges

SKIPPED = """
*** Test Cases ***
First
    Skip    needs-docker: no Docker here
Second
    [Tags]    needs-k2
    Log    never
"""
JUDGED = """
*** Test Cases ***
Judged
    Things Should Be    1    1
"""


def test_all_skipped(run_robot: RunRobot) -> None:
    ended = run_robot(SKIPPED, "--skip", "needs-k2")
    second = ended.tests["Second"]
    assert ended.code == 1
    assert second.status == "FAIL"
    assert second.message.startswith(
        "No test of this run gave a verdict, so nothing is proved: 2 skipped"
        " (1 x needs-docker: no Docker here; 1 x Test skipped using 'needs-k2' tag),"
        " 0 passed without judging anything."
    )
    assert ended.tests["First"].status == "SKIP"
    assert "2 tests, 0 passed, 1 failed, 1 skipped" in ended.stdout
    assert "Verdicts: 0 given (0 passed, 0 failed), 0 void, 0 broken off, 2 skipped" in ended.stdout


def test_all_skipped_and_the_last_suite_does_not_know_the_kit(run_robot: RunRobot) -> None:
    foreign = "*** Test Cases ***\nStrange\n    Skip    not here\n"
    ended = run_robot({"a.robot": SKIPPED, "foreign.robot": foreign}, "--skip", "needs-k2")
    assert ended.code == 1
    assert ended.tests["The Run Gives A Verdict"].status == "FAIL"
    assert "nothing is proved" in ended.tests["The Run Gives A Verdict"].message
    assert (ended.folder / "log.html").exists()


def test_passed_without_judging(run_robot: RunRobot) -> None:
    ended = run_robot("*** Test Cases ***\nIdle\n    Log    hello\n")
    assert ended.code == 1
    assert "1 passed without judging anything" in ended.tests["Idle"].message


def test_what_says_something_of_its_own_values_judges_no_platform(run_robot: RunRobot) -> None:
    ended = run_robot(
        """
*** Test Cases ***
Equal
    Should Be Equal    1    1
My Own Should
    The world should be round

*** Keywords ***
The world should be round
    Should Be True    True
"""
    )
    assert ended.code == 1
    assert "2 passed without judging anything" in ended.tests["My Own Should"].message


@pytest.mark.parametrize(
    ("library", "name", "args", "judging"),
    [
        ("tickproof.pipeline", "Hops Should Hold Every Trade", (), True),
        ("tickproof.clients", "Use Up Limit", ("guest",), False),
        ("BuiltIn", "Should Be Equal", ("1", "1"), False),
        ("Collections", "List Should Contain Value", ("${x}", "1"), False),
        ("RequestsLibrary", "GET On Session", ("analyst", "/v1/symbols"), False),
        ("RequestsLibrary", "GET On Session", ("analyst", "/v1/symbols", "expected_status=200"), True),
        ("RequestsLibrary", "GET On Session", ("analyst", "/", "expected_status=any"), False),
        ("RequestsLibrary", "GET On Session", ("analyst", "/", "expected_status=Anything"), False),
        ("RequestsLibrary", "GET On Session", ("analyst", "/", "expected_status=${None}"), False),
        ("RequestsLibrary", "Status Should Be", ("200",), True),
    ],
)
def test_which_keywords_judge(library: str, name: str, args: tuple[str, ...], judging: bool) -> None:  # noqa: FBT001
    (keyword,) = running.TestLibrary.from_name(library).find_keywords(name)
    assert judges(keyword, args, kit="tickproof") is judging


def test_a_dry_run_judges_nothing_and_may(run_robot: RunRobot) -> None:
    assert run_robot(JUDGED, "--dryrun").code == 0


@pytest.mark.parametrize("options", [[], ["--output", "NONE"]])
def test_one_verdict_is_enough(run_robot: RunRobot, options: list[str]) -> None:
    ended = run_robot(SKIPPED + JUDGED.replace("*** Test Cases ***", ""), "--skip", "needs-k2", *options)
    assert ended.code == 0
    assert "Verdicts: 1 given (1 passed, 0 failed), 0 void, 0 broken off, 2 skipped" in ended.stdout


def test_void_is_red_and_counted_as_void(run_robot: RunRobot) -> None:
    ended = run_robot(
        """
*** Test Cases ***
In The Body
    Cannot Judge
In The Setup
    [Setup]    Cannot Judge
    Things Should Be    1    1
"""
    )
    assert ended.code == 2
    assert {test.message for test in ended.tests.values()} == {"VOID: nothing was sent."}
    assert "Void: " not in ended.text("output.xml")
    assert "Verdicts: 0 given (0 passed, 0 failed), 2 void, 0 broken off, 0 skipped" in ended.stdout


def test_a_test_that_broke_off_gave_no_verdict(run_robot: RunRobot) -> None:
    ended = run_robot(
        "*** Test Cases ***\nBroken\n    [Setup]    Fail    no platform\n    Things Should Be    1    1\n"
    )
    assert ended.code == 1
    assert "Verdicts: 0 given (0 passed, 0 failed), 0 void, 1 broken off, 0 skipped" in ended.stdout
