"""A run that was told nonsense is red, whatever its tests would have done, and starts nothing."""

from evidence.runs import RunRobot, messages

SENTENCE = "There is no target ${nonsense}, so nothing was started."
SUITE = """
*** Settings ***
Suite Setup       Create File    setup
Suite Teardown    Create File    teardown
Test Setup        Create File    test-setup
Test Teardown     Create File    test-teardown

*** Test Cases ***
First
    Should Be Equal    1    1
Second
    [Tags]    skipped
    Create File    second

*** Keywords ***
Create File
    [Arguments]    ${name}
    Evaluate    pathlib.Path($OUTPUT_DIR, $name).touch()
"""
FOREIGN = "*** Test Cases ***\nStrange\n    Should Be Equal    1    1\n"


def test_every_test_fails_with_the_sentence(run_robot: RunRobot) -> None:
    suites = {"a.robot": SUITE, "b.robot": SUITE, "foreign.robot": FOREIGN}
    ended = run_robot(suites, "-v", "TARGET:nonsense", "--skip", "skipped")
    tests = list(ended.suite.all_tests)
    assert len(tests) == 5
    assert {(test.status, test.message) for test in tests} == {("FAIL", SENTENCE)}
    assert ended.code == 5
    assert [messages(test) for test in tests] == [[]] * 5
    assert sorted(path.name for path in ended.folder.iterdir()) == ["log.html", "output.xml", "report.html"]
    assert (
        "Verdicts: 0 given (0 passed, 0 failed), 0 void, 4 broken off" in ended.stdout
    )  # foreign ones are not ours


def test_one_that_was_told_sense_runs(run_robot: RunRobot) -> None:
    ended = run_robot({"a.robot": SUITE, "foreign.robot": FOREIGN}, "-v", "TARGET:toy")
    assert (ended.folder / "teardown").exists()
    assert ended.tests["First"].passed


def test_a_dry_run_needs_no_target(run_robot: RunRobot) -> None:
    assert run_robot(SUITE, "-v", "TARGET:nonsense", "--dryrun").code == 0
