"""Whole runs are measured by running them: what is red is not a figure."""

from pathlib import Path

import pytest
from tickproof.bench import runs
from tickproof.bench.process import MeasureError

GREEN = """*** Test Cases ***
One
    [Tags]    critical
    No Operation

Two
    No Operation
"""


def test_a_run_of_all_and_a_run_of_the_critical_ones(tmp_path: Path) -> None:
    (tmp_path / "green.robot").write_text(GREEN)
    everything, tests, output, critical, of_these, _ = runs.figures(tmp_path)
    assert (tests.value, of_these.value) == (2, 1)
    assert (everything.unit, output.unit, critical.unit) == ("s", "MB", "s")
    assert (everything.goal, output.goal, critical.goal) == ("<= 90", "<= 5", "<= 20")
    assert output.met


def test_a_red_run_is_no_figure(tmp_path: Path) -> None:
    (tmp_path / "red.robot").write_text(GREEN + "\nThree\n    Fail    on purpose\n")
    with pytest.raises(MeasureError, match=r"1 of 3 tests did not pass: Three"):
        runs.run(tmp_path)


def test_a_run_that_ran_nothing_is_no_figure(tmp_path: Path) -> None:
    (tmp_path / "green.robot").write_text(GREEN)
    with pytest.raises(
        MeasureError, match=r"robot ended with 252: .*contains no tests matching tag 'nosuch'"
    ):
        runs.run(tmp_path, "-i", "nosuch")


def test_without_a_checkout_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "SUITES", tmp_path / "suites")
    with pytest.raises(MeasureError, match=r"there are no suites in .*; it takes a checkout"):
        runs.measure()
