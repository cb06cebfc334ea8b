"""The closing line of CI is there whatever happened, and tells the truth."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ROBOT = """<?xml version="1.0"?>
<robot><suite><test name="A"><status status="PASS"/></test></suite>
<statistics><total><stat pass="3" fail="{fail}" skip="{skip}">All Tests</stat></total></statistics></robot>
"""
NUMBERLESS = '<robot><statistics><total><stat pass="3"/></total></statistics></robot>'
PYTEST = '<testsuites><testsuite tests="{tests}" failures="1" errors="1" skipped="0"/></testsuites>'
LANE = '{"total": 4, "killed": 4, "clean_alarms": [], "interrupted": false}'
SOAK = '{"executions": 6, "passed": 6}'
GREEN = '<testsuites><testsuite tests="5" failures="0" errors="0" skipped="0"/></testsuites>'


def counted(
    folder: Path,
    robot: str | None,
    pytest_: str | None,
    before: str = "0",
    *,
    lane: str | None = "",
    soak: str | None = "",
) -> tuple[int, list[str]]:
    """Counts these files; without lane and soak, only the first two."""
    texts = {"output.xml": robot, "pytest.xml": pytest_, "matrix.json": lane, "soak.json": soak}
    files = [folder / name for name, text in texts.items() if text != "" or name.endswith("xml")]
    for file in files:
        text = texts[file.name]
        if text is not None:
            file.write_text(text)
    count = [sys.executable, "-W", "error", str(ROOT / ".ci" / "count.py"), before, *map(str, files)]
    done = subprocess.run(count, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize(
    ("robot", "pytest_", "before", "code", "last"),
    [
        (ROBOT.format(fail=0, skip=0), GREEN, "0", 0, "8 passed, 0 failed, 0 skipped"),
        (ROBOT.format(fail=1, skip=0), GREEN, "1", 1, "8 passed, 1 failed, 0 skipped"),
        (ROBOT.format(fail=0, skip=2), GREEN, "0", 1, "8 passed, 0 failed, 2 skipped"),
        (ROBOT.format(fail=0, skip=0), PYTEST.format(tests=7), "1", 1, "8 passed, 2 failed, 0 skipped"),
        (ROBOT.format(fail=0, skip=0), GREEN, "1", 1, "8 passed, 1 failed, 0 skipped"),  # lint, say
        (ROBOT.format(fail=0, skip=0), None, "1", 1, "3 passed, 1 failed, 0 skipped"),
        (None, None, "1", 1, "0 passed, 2 failed, 0 skipped"),
        (ROBOT.format(fail=0, skip=0)[:90], GREEN, "1", 1, "5 passed, 1 failed, 0 skipped"),
        ("", GREEN, "1", 1, "5 passed, 1 failed, 0 skipped"),
        ("<robot/>", GREEN, "0", 1, "5 passed, 1 failed, 0 skipped"),
        (NUMBERLESS, GREEN, "0", 1, "5 passed, 1 failed, 0 skipped"),
        (ROBOT.format(fail=0, skip=0), GREEN[:40], "1", 1, "3 passed, 1 failed, 0 skipped"),
        (ROBOT.format(fail=0, skip=0), "<testsuites/>", "0", 1, "3 passed, 0 failed, 0 skipped"),
    ],
    ids=[
        "all-green", "robot-red", "robot-skipped", "pytest-red", "red-elsewhere", "no-pytest", "nothing",
        "robot-cut-off", "robot-empty", "robot-without-statistics", "robot-without-numbers", "pytest-cut-off",
        "pytest-ran-nothing",
    ],
)  # fmt: skip
def test_the_count_is_the_truth(
    tmp_path: Path, *, robot: str | None, pytest_: str | None, before: str, code: int, last: str
) -> None:
    returned, said = counted(tmp_path, robot, pytest_, before)
    assert said[-1] == last
    assert returned == code


def ci(folder: Path, make: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run CI in a folder, where `make` is this script."""
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    programs = folder / "programs"
    programs.mkdir()
    (programs / "make").write_text(f"#!/bin/bash\n{make}\n")
    (programs / "make").chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", ".ci/run"],
        cwd=folder,
        env={**os.environ, "PATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("lane", "soak", "code", "last"),
    [
        (LANE, SOAK, 0, "18 passed, 0 failed, 0 skipped"),
        (LANE.replace('"killed": 4', '"killed": 3'), SOAK, 1, "17 passed, 1 failed, 0 skipped"),
        (LANE.replace("[]", '["A.B"]'), SOAK, 1, "18 passed, 1 failed, 0 skipped"),
        (LANE.replace("false", "true"), SOAK, 1, "18 passed, 1 failed, 0 skipped"),
        (LANE[:30], SOAK, 1, "14 passed, 1 failed, 0 skipped"),
        (LANE, SOAK.replace('"passed": 6', '"passed": 5'), 1, "17 passed, 1 failed, 0 skipped"),
        (LANE, None, 1, "12 passed, 1 failed, 0 skipped"),
        (
            '{"total": 0, "killed": 0, "clean_alarms": [], "interrupted": false}',
            SOAK,
            1,
            "14 passed, 0 failed, 0 skipped",
        ),
    ],
    ids=["green", "survivor", "alarm", "interrupted", "cut-off", "soak-red", "no-soak", "nothing-planted"],
)
def test_defects_and_soak_are_counted(
    tmp_path: Path, lane: str | None, soak: str | None, code: int, last: str
) -> None:
    returned, said = counted(tmp_path, ROBOT.format(fail=0, skip=0), GREEN, lane=lane, soak=soak)
    assert (said[-1], returned) == (last, code)


def test_a_set_up_that_fails_is_counted_without_a_venv(tmp_path: Path) -> None:
    done = ci(tmp_path, "exit 2")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "0 passed, 5 failed, 0 skipped"


def test_what_ran_is_counted(tmp_path: Path) -> None:
    (tmp_path / "output").write_text(ROBOT.format(fail=0, skip=0))
    (tmp_path / "pytest").write_text(GREEN)
    (tmp_path / "lane").write_text(LANE)
    (tmp_path / "soak").write_text(SOAK)
    done = ci(
        tmp_path,
        "[ $1 != e2e ] || mkdir -p results/defects; cp output results/output.xml; cp pytest results/pytest.xml;"
        "cp lane results/defects/matrix.json; cp soak results/soak.json;"
        "mkdir -p results/docker; cp output results/docker/output.xml",
    )
    assert done.stdout.splitlines()[-1] == "21 passed, 0 failed, 0 skipped"
    assert done.returncode == 0


def test_a_machine_that_lacks_what_nobody_may_install_is_a_failure(tmp_path: Path) -> None:
    lacking = tmp_path / "lacking"
    lacking.mkdir()
    for name, text in {"python3": "exit 1", "id": "echo 1000"}.items():
        (lacking / name).write_text(f"#!/bin/bash\n{text}\n")
        (lacking / name).chmod(0o755)
    done = ci(tmp_path, "exit 0", PATH=f"{lacking}:/usr/bin:/bin")
    assert done.returncode == 2
    assert "needs python3-venv python3; install them and run again" in done.stdout
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"
