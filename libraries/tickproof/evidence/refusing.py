"""Tests that must not run: each fails with a sentence, and nothing of it is started."""

from robot import running


def refuse(refused: running.TestSuite | running.TestCase, sentence: str) -> None:
    """Let a test, or every test of a suite and below it, fail with a sentence in place of what it would do.

    Call it from a listener before the test or suite begins. Setups and teardowns are left out, too.

    Args:
        refused: The test or suite.
        sentence: What its message says.
    """
    if isinstance(refused, running.TestCase):
        refused.error = sentence  # Robot fails such a test at once, as it does with one that is empty
        return
    for suite in [refused, *_below(refused)]:
        suite.setup = None
        suite.teardown = None
    for test in refused.all_tests:
        test.error = sentence


def refuse_run(begun: running.TestSuite, sentence: str) -> None:
    """Let every test of the whole run fail with a sentence.

    Args:
        begun: The suite that is about to begin. What suites around it did already they undo themselves.
        sentence: What each message says.
    """
    refuse(begun, sentence)
    while begun.parent:
        for suite in begun.parent.suites:
            refuse(suite, sentence)
        for test in begun.parent.tests:
            refuse(test, sentence)
        begun = begun.parent


def _below(suite: running.TestSuite) -> list[running.TestSuite]:
    return [found for inner in suite.suites for found in (inner, *_below(inner))]
