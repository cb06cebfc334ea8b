"""The workflows for a public CI service do nothing but call make targets that exist."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
CATEGORIES = {f"e2e-{folder.name}" for folder in (ROOT / "suites").iterdir()}


def commands(job: dict[str, object]) -> list[str]:
    steps = job["steps"]
    assert isinstance(steps, list)
    runs = [step["run"] for step in steps if "run" in step]
    strategy = job.get("strategy")
    if not isinstance(strategy, dict):
        return runs
    return [
        run.replace("${{ matrix.target }}", each) for run in runs for each in strategy["matrix"]["target"]
    ]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_command_is_a_make_target(path: Path) -> None:
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    found = [command for job in jobs.values() for command in commands(job)]
    assert found
    for command in found:
        program, target, *_ = command.split()
        assert program == "make"
        assert target in TARGETS | CATEGORIES


def test_there_is_one_for_changes_and_one_for_the_night() -> None:
    assert [path.stem for path in WORKFLOWS] == ["nightly", "pull-request"]
