"""The log begins with the target, and a failed test shows how the platform was."""

from evidence.runs import RunRobot, messages

SUITE = """
*** Test Cases ***
Good
    Things Should Be    1    1
Bad
    Things Should Be    1    2
"""


def test_the_target_comes_first(run_robot: RunRobot) -> None:
    ended = run_robot(SUITE)
    assert ended.suite.metadata["Target"] == "toy (hash 1234)"
    assert messages(ended.tests["Good"]) == ["Target toy (hash 1234)"]


def test_a_failure_is_explained_once_and_collapsed(run_robot: RunRobot) -> None:
    ended = run_robot(SUITE)
    assert ended.code == 1
    assert ended.tests["Bad"].message == "should be 1, but is 2."
    (block,) = messages(ended.tests["Bad"])
    assert block == (
        "<details><summary>The platform when this failed</summary>"
        "<h4>Services</h4><pre>feed &lt;up&gt;</pre>"
        "<h4>Lag</h4><b>17 rows</b>"
        "<h4>Snapshot</h4><pre>cannot be told: the lake is gone</pre></details>"
    )
