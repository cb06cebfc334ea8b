"""A folder of its own for each run of Robot Framework."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from evidence.runs import LIBRARY, Ended, RunRobot


@pytest.fixture
def run_robot(tmp_path: Path) -> RunRobot:
    (tmp_path / "Kit.py").write_text(LIBRARY)

    def run(suites: str | Mapping[str, str], *options: str) -> Ended:
        files = {"suite.robot": suites} if isinstance(suites, str) else suites
        for name, text in files.items():
            kit = "" if name.startswith("foreign") else "*** Settings ***\nLibrary    Kit\n"
            (tmp_path / "suites").mkdir(exist_ok=True)
            (tmp_path / "suites" / name).write_text(kit + text)
        command = [sys.executable, "-m", "robot", "-P", ".", "-d", "results", *options, "suites"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        return Ended(done.returncode, done.stdout, done.stderr, tmp_path / "results")

    return run
