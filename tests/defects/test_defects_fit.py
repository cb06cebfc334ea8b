"""Defects and suites name each other, and every defect still finds the part that it breaks."""

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from robot import running
from tickproof.stack.compose import parse
from tickproof.stack.document import Node

from tickerplant.defects.binding import BindingError, Wrapped, in_module
from tickerplant.defects.catalog import every, find
from tickerplant.defects.model import STACK, Around, Defect, Reached
from tickerplant.defects.services import assemble
from tickerplant.defects.stack import change
from tickerplant.service import Environment, Log, SettingsError, Stop

ROOT = Path(__file__).resolve().parents[2]
DEFECTS = list(every())


def all_of_the_suites() -> dict[str, running.TestCase]:
    root = running.TestSuite.from_file_system(ROOT / "suites")
    return {test.full_name.removeprefix("Suites."): test for test in root.all_tests}


TESTS = all_of_the_suites()
NAMED_BY_TAGS = {
    (name, tag.removeprefix("defect-"))
    for name, test in TESTS.items()
    for tag in test.tags
    if tag.startswith("defect-")
}


def is_slow(name: str) -> bool:
    return "slow" in TESTS[name].tags


def test_every_tag_names_a_defect_that_names_the_test() -> None:
    quick = {(name, defect) for name, defect in NAMED_BY_TAGS if not is_slow(name)}
    assert quick == {(name, defect.id) for defect in DEFECTS for name in defect.kills}


def test_slow_tests_name_defects_that_exist() -> None:
    named = {defect for name, defect in NAMED_BY_TAGS if is_slow(name)}
    assert named <= {defect.id for defect in DEFECTS}


def test_every_quick_test_is_killed_by_a_defect() -> None:
    killed = {name for defect in DEFECTS for name in defect.kills}
    assert {name for name in TESTS if not is_slow(name)} == killed


def test_what_runs_before_exists() -> None:
    assert {name for defect in DEFECTS for name in defect.before} <= TESTS.keys()


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.id)
def test_a_defect_says_what_it_is(defect: Defect) -> None:
    assert find(defect.service, defect.id) is defect
    assert defect.id.startswith(f"{defect.service}-")
    assert defect.family
    assert defect.incident.endswith(".")
    assert "\n" not in defect.incident
    assert len(defect.incident) <= 120
    assert defect.kills
    re.compile(defect.says)


def test_there_are_defects_of_many_families() -> None:
    assert len({defect.id for defect in DEFECTS}) == len(DEFECTS)
    assert len({defect.family for defect in DEFECTS}) >= 12


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    values = {
        "KAFKA_BOOTSTRAP": "127.0.0.1:9",
        "EXCHANGE_WS_URL": "ws://127.0.0.1:9",
        "EXCHANGE_REST_URL": "http://127.0.0.1:9",
        "FEED_SYMBOLS": "BTCUSDT",
        "CATALOG_URI": f"sqlite:///{tmp_path}/catalog.db",
        "WAREHOUSE": f"file://{tmp_path}/warehouse",
        "API_KEYS": "analyst:secret:60",
        "HTTP_PORT": "0",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return Environment()


OF_SERVICES = [defect for defect in DEFECTS if defect.service != STACK]
OF_THE_STACK = [defect for defect in DEFECTS if defect.service == STACK]
COMPOSE = yaml.safe_load((ROOT / "tickerplant" / "compose.yaml").read_text(encoding="utf-8"))
VARIABLES = re.findall(r"\$\{(\w+)", json.dumps(COMPOSE))


@pytest.mark.parametrize("defect", OF_SERVICES, ids=lambda defect: defect.id)
def test_a_defect_binds_to_its_part(
    defect: Defect, surroundings: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _, name = defect.part.partition(":")
    usual = getattr(importlib.import_module(module), name) if name else None
    if name:
        monkeypatch.setattr(f"{module}.{name}", usual)  # to be put back afterwards
    marker = tmp_path / "reached"
    run = assemble(defect, surroundings, Log(defect.service), Stop(), Reached(marker))
    assert callable(run)
    if name:
        assert getattr(importlib.import_module(module), name) is not usual
    if marker.exists():
        assert defect.id == "writer-makes-a-column-optional"  # it acts when the table is made


@pytest.mark.parametrize("defect", OF_THE_STACK, ids=lambda defect: defect.id)
def test_a_declaration_is_broken_in_one_service_only(defect: Defect, tmp_path: Path) -> None:
    marker = tmp_path / "reached"
    changed = change(defect, COMPOSE, Reached(marker))
    services = COMPOSE["services"]
    broken = {name for name in services if changed["services"][name] != services[name]}
    assert defect.part in broken
    assert len(broken) == 1 or defect.id == "stack-starts-all-at-once"  # who is first shows beside another
    assert marker.exists()
    parse(Node(changed, "compose.yaml", (), {}), VARIABLES)  # the local driver takes it


def test_a_declaration_that_is_gone_fails_loudly() -> None:
    defect = find(STACK, "stack-forgets-init")
    with pytest.raises(BindingError, match="The compose file has no service writer any more"):
        change(defect, {"services": {}}, Reached(None))
    with pytest.raises(BindingError, match="stack-leaves-the-api-dead changes nothing"):
        change(
            find(STACK, "stack-leaves-the-api-dead"), {"services": {"api": {"restart": "no"}}}, Reached(None)
        )


def test_the_command_breaks_a_compose_document(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tickerplant.defects", "stack"]
    environment = {**os.environ, "DEFECT_REACHED": str(tmp_path / "reached")}

    def run(identity: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, identity],
            input=json.dumps(COMPOSE),
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )

    assert json.loads(run("stack-forgets-init").stdout)["services"]["writer"].get("init") is None
    assert (tmp_path / "reached").exists()
    refused = run("stack-nothing")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "The stack has no defect stack-nothing" in refused.stderr


class Part:
    def send(self) -> str:
        return "sent"

    def wait(self) -> str:
        return "waited"


class Mute(Wrapped[Part]):
    def send(self) -> str:
        return ""


class Deaf(Wrapped[Part]):
    def receive(self) -> str:
        return ""


def test_what_is_not_wrapped_is_passed_on() -> None:
    mute = Mute(Part(), Around(Reached(None)))
    assert (mute.send(), mute.wait()) == ("", "waited")


def test_a_method_that_is_gone_fails_loudly() -> None:
    with pytest.raises(BindingError, match="Part has no `receive` any more"):
        Deaf(Part(), Around(Reached(None)))


@pytest.mark.parametrize("part", ["tickerplant.feed.service:nothing", "tickerplant.nowhere:run"])
def test_a_function_that_is_gone_fails_loudly(part: str) -> None:
    with pytest.raises(BindingError, match=f"There is no {part} any more"):
        in_module(part, lambda usual: usual)


def test_an_unknown_part_fails_loudly(surroundings: Environment) -> None:
    for service in ("feed", "writer", "api"):
        lost = Defect(f"{service}-x", "loss", "x.", service, "soul", Mute, ("x",), "x")  # type: ignore[arg-type]
        with pytest.raises(BindingError, match="has no part soul; it has"):
            assemble(lost, surroundings, Log("test"), Stop(), Reached(None))


@pytest.mark.parametrize(
    ("service", "identity", "said"),
    [
        ("broker", "broker-x", "There is no service broker; allowed: feed, writer, api, stack."),
        ("feed", "writer-cuts-scale", "The feed has no defect writer-cuts-scale"),
        ("feed", "feed-nothing", "The feed has no defect feed-nothing"),
    ],
)
def test_an_unknown_defect_is_refused_in_a_sentence(service: str, identity: str, said: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(said)):
        find(service, identity)


def test_a_marker_is_written_once(tmp_path: Path) -> None:
    marker = tmp_path / "deep" / "reached"
    reached = Reached(marker)
    assert not marker.exists()
    reached()
    marker.unlink()
    reached()
    assert not marker.exists()


def test_a_marker_lies_where_the_environment_says_or_in_the_state(tmp_path: Path) -> None:
    Reached.of({"DEFECT_REACHED": str(tmp_path / "here"), "STATE_DIR": "/nowhere"}, "feed-x")()
    Reached.of({"STATE_DIR": str(tmp_path)}, "feed-x")()
    Reached.of({}, "feed-x")()
    assert (tmp_path / "here").exists()
    assert (tmp_path / "defects" / "feed-x.reached").exists()
