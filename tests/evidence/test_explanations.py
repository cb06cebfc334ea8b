"""The log begins with the target, and a failed test shows how the platform was when it failed."""

from evidence.runs import RunRobot, messages

SUITE = """
*** Test Cases ***
Good
    Things Should Be    1    1
Bad
    Things Should Be    1    2
"""
BLOCK = (
    "<details><summary>The platform when this failed</summary>"
    "<h4>Services</h4><pre>feed &lt;{state}&gt;</pre>"
    "<h4>Lag</h4><b>17 rows</b>"
    "<h4>Snapshot</h4><pre>cannot be told: the lake is gone</pre></details>"
)
SEED = "<p>seed 7</p>"


def test_the_target_comes_first(run_robot: RunRobot) -> None:
    ended = run_robot(SUITE)
    assert ended.suite.metadata["Target"] == "toy (hash 1234)"
    assert messages(ended.tests["Good"]) == ["Target toy (hash 1234)", SEED]


def test_the_target_comes_before_what_a_suites_setup_says(run_robot: RunRobot) -> None:
    ended = run_robot("*** Settings ***\nSuite Setup    Log    setting up\n" + SUITE)
    setup = ended.suite.suites[0].setup
    assert messages(setup) == ["Target toy (hash 1234)", "setting up"]
    assert messages(ended.tests["Good"]) == [SEED]


def test_a_failure_is_explained_once_and_collapsed(run_robot: RunRobot) -> None:
    ended = run_robot(SUITE)
    assert ended.code == 1
    assert ended.tests["Bad"].message == "should be 1, but is 2."
    assert messages(ended.tests["Bad"]) == [SEED, BLOCK.format(state="up")]


def test_it_shows_the_platform_before_a_teardown_mended_it(run_robot: RunRobot) -> None:
    ended = run_robot(
        """
*** Test Cases ***
Body
    Feed Is    down
    Things should be there
    [Teardown]    Feed Is    up
Setup
    [Setup]    Things should be there
    Log    never
    [Teardown]    Feed Is    mended
Teardown
    Things Should Be    1    1
    [Teardown]    Things should be there
Two Rows
    [Template]    Things Should Be
    1    2
    1    3
Handled
    TRY
        Things should be there
    EXCEPT    AS    ${error}
        Log    ${error}
    END

*** Keywords ***
Things should be there
    Things Should Be    1    2
"""
    )
    shown = {name: messages(test)[-1] for name, test in ended.tests.items()}
    assert shown == {
        "Body": BLOCK.format(state="down"),
        "Setup": BLOCK.format(state="up"),
        "Teardown": BLOCK.format(state="mended"),
        "Two Rows": BLOCK.format(state="mended"),
        "Handled": SEED,
    }
    assert len(messages(ended.tests["Two Rows"])) == 2


def test_a_suites_setup_that_failed_is_explained_once_for_all_of_its_tests(run_robot: RunRobot) -> None:
    ended = run_robot("*** Settings ***\nSuite Setup    Things Should Be    1    2\n" + SUITE)
    assert ended.code == 2
    assert messages(ended.suite.suites[0].setup)[-1] == BLOCK.format(state="up")
    assert [messages(test) for test in ended.tests.values()] == [[], []]


def test_a_test_that_broke_off_tells_its_seed_too_and_one_that_did_nothing_does_not(
    run_robot: RunRobot,
) -> None:
    ended = run_robot("*** Test Cases ***\nBroken\n    Fail    no stack\nIdle\n    No Operation\n")
    assert SEED in messages(ended.tests["Broken"])
    assert messages(ended.tests["Idle"]) == []
