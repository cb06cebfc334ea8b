"""The house rules that no linter knows: who may import whom, closed tags, a defect for every test."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from robot import running

ROOT = Path(__file__).resolve().parents[2]
KIT = ROOT / "libraries" / "tickproof"
PLATFORM = ROOT / "tickerplant"

CATEGORIES = {"pipeline", "journeys", "health", "examples"}
COSTS = {"quick", "slow", "critical", "exclusive", "destructive", "own-stack"}
BOOKKEEPING = re.compile(r"^(needs|sla|defect)-[a-z0-9-]+$")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def breaches(folder: Path, forbidden: str) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in folder.rglob("*.py")
        for name in imports(path)
        if re.match(forbidden, name)
    ]


def test_kit_and_platform_meet_on_the_wire_only() -> None:
    assert breaches(KIT, r"tickerplant(\.|$)") == []
    assert breaches(PLATFORM, r"tickproof(\.|$)") == []


@pytest.mark.parametrize(
    ("room", "forbidden"),
    [
        ("verdicts", r"robot|confluent_kafka|pyiceberg|requests|tickproof\.(?!verdicts|ledger)"),
        ("ledger", r"robot|confluent_kafka|pyiceberg|requests|tickproof\.(?!ledger)"),
        ("stack", r"robot|tickproof\.(probes|exchange\.(?!symbols)|evidence|verdicts|ledger|session)"),
        ("probes", r"tickproof\.(exchange|stack|evidence|session)"),
        ("exchange", r"robot|tickproof\.(probes|stack|evidence|session|target|verdicts)"),
        ("evidence", r"tickproof\.(exchange|probes|stack|session)"),
    ],
)
def test_rooms_know_only_what_they_may(room: str, forbidden: str) -> None:
    assert breaches(KIT / room, forbidden) == []


def suites() -> running.TestSuite:
    return running.TestSuite.from_file_system(ROOT / "suites")


def test_tags_belong_to_the_closed_families() -> None:
    for test in suites().all_tests:
        strange = [tag for tag in test.tags if tag not in CATEGORIES | COSTS and not BOOKKEEPING.match(tag)]
        assert strange == [], f"{test.full_name}: {strange}"
        assert len(CATEGORIES & set(test.tags)) == 1, f"{test.full_name} is in no category, or in several"
        assert {"quick", "slow"} & set(test.tags), f"{test.full_name} says neither quick nor slow"


def test_every_test_names_a_defect_that_kills_it() -> None:
    for test in suites().all_tests:
        assert any(tag.startswith("defect-") for tag in test.tags), f"{test.full_name} names no defect"


def test_no_suite_sleeps_or_skips() -> None:
    words = re.compile(
        r"^\s+(Sleep|Skip|Skip If|Run Keyword And Ignore Error)\b|robot:skip|robot:exclude", re.MULTILINE
    )
    for path in [*ROOT.glob("suites/**/*.robot"), *ROOT.glob("resources/*.resource")]:
        assert words.search(path.read_text()) is None, path


def test_nothing_committed_names_a_machine_or_an_index() -> None:
    constraints = (ROOT / "constraints.txt").read_text()
    assert "://" not in constraints
    assert all("==" in line for line in constraints.splitlines() if line.strip())
