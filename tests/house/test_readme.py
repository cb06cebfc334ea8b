"""The ten minutes of the README, done as they are written there: green as told, and red once the feed is broken."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from robot.api import ExecutionResult

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
MINE = "suites/examples/mine.robot"
HEADING = "*** Test Cases ***"


def steps() -> dict[int, list[str]]:
    """Return the blocks of code of each step, without their indentation."""
    (section,) = re.findall(r"^## Your first test in ten minutes$(.*?)^## ", README, re.DOTALL | re.MULTILINE)
    numbered = re.findall(r"^(\d)\. (.*?)(?=^\d\. |^\S)", section + "\nend", re.DOTALL | re.MULTILINE)
    return {
        int(number): [
            re.sub(r"^ {7}", "", block, flags=re.MULTILINE).strip("\n")
            for block in re.findall(r"^\n((?: {7}.*\n)+)", text, re.MULTILINE)
        ]
        for number, text in numbered
    }


@pytest.fixture
def enter(tmp_path: Path) -> Iterator[Callable[[str], subprocess.CompletedProcess[str]]]:
    """Enters a command as a reader does, in a folder that looks like a checkout with its venv activated."""
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "suites" / "examples", checkout / "suites" / "examples")
    (checkout / "resources").symlink_to(ROOT / "resources")
    (checkout / ".venv").symlink_to(sys.prefix)
    environment = {**os.environ, "TICKPROOF_STATE_DIR": str(tmp_path / "state")}

    def bash(command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", f"source .venv/bin/activate && {command}"],
            cwd=checkout,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    yield bash
    bash("tickproof down")


def test_the_first_ten_minutes_go_as_the_readme_says(
    enter: Callable[[str], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    checkout = tmp_path / "checkout"
    (up,), (copy, test), (run,), (breaks,) = (steps()[number] for number in (2, 3, 4, 5))

    activate, *commands = up.splitlines()
    assert activate == "source .venv/bin/activate"
    for command in [*commands, copy]:
        done = enter(command)
        assert done.returncode == 0, done.stdout

    mine = checkout / MINE
    kept, _, replaced = mine.read_text().partition(HEADING)
    assert replaced
    assert test.startswith(HEADING)
    mine.write_text(f"{kept}{test}\n")

    done = enter(run)
    assert done.returncode == 0, done.stdout
    (green,) = ExecutionResult(checkout / "results" / "output.xml").suite.all_tests
    assert green.passed
    assert (checkout / "results" / "log.html").exists()

    broken, again, mended = breaks.splitlines()
    assert re.search(r"defect-(\S+)", test)[1] in broken, "the test names the defect that it is shown to find"
    assert enter(broken).returncode == 0
    assert enter(again).returncode == 1
    (red,) = ExecutionResult(checkout / "results" / "output.xml").suite.all_tests
    assert red.failed
    assert re.search(r"\blost\b", red.message), red.message
    assert "VOID" not in red.message

    assert enter(mended).returncode == 0
    assert enter(run).returncode == 0
    assert "`tickproof down` when you are done" in README
    assert enter("tickproof down").stdout.endswith("Ended: embedded.\n")
