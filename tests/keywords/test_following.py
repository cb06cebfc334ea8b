"""A stack that cannot be held: nothing runs on it, and whoever wanted it says so."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from robot import running
from tickproof import session
from tickproof.following import SceneListener
from tickproof.stack import StackError

HELD = "The stack could not be had alone within 600 s: another test or run holds it."
SUITE = """
*** Settings ***
Suite Setup       Log    up
Suite Teardown    Log    down
*** Test Cases ***
One
    Log    one
Two
    Log    two
"""


@pytest.fixture
def suite(tmp_path: Path) -> running.TestSuite:
    for name in ("a", "b"):
        (tmp_path / f"{name}.robot").write_text(SUITE)
    return running.TestSuite.from_file_system(tmp_path)


def refused(monkeypatch: pytest.MonkeyPatch, error: Exception) -> SceneListener:
    def enter(_: object) -> None:
        raise error

    monkeypatch.setattr(session, "current", lambda: SimpleNamespace(enter=enter))
    return SceneListener()


def errors(suite: running.TestSuite) -> list[str | None]:
    return [test.error for test in suite.all_tests]


def test_a_test_fails_with_the_sentence(suite: running.TestSuite, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: Any = None
    refused(monkeypatch, StackError(HELD)).start_test(suite.suites[0].tests[0], nothing)
    assert errors(suite) == [HELD, None, None, None]
    assert suite.suites[0].has_setup


def test_a_suite_fails_with_all_of_its_tests(
    suite: running.TestSuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing: Any = None
    refused(monkeypatch, StackError(HELD)).start_suite(suite.suites[1], nothing)
    assert errors(suite) == [None, None, HELD, HELD]
    assert [one.has_setup for one in suite.suites] == [True, False]
    assert [one.has_teardown for one in suite.suites] == [True, False]


def test_whatever_it_was_nothing_runs(suite: running.TestSuite, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: Any = None
    refused(monkeypatch, KeyError()).start_test(suite.suites[0].tests[0], nothing)
    assert errors(suite)[0] == "The stack cannot be held: KeyError."
