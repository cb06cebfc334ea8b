from pathlib import Path

import pytest
from robot.api.types import Secret
from tickproof import target
from tickproof.target import SecretSource, Target, TargetError
from tickproof.target.interpolation import fill_in

PORTS = {
    "KAFKA_PORT": "9092",
    "API_PORT": "8000",
    "FEED_PORT": "1",
    "WRITER_PORT": "2",
    "STATE_DIR": "/state",
}


@pytest.fixture(scope="module")
def embedded() -> Target:
    return target.load("embedded")


def test_variables_of_the_running_stack_are_filled_in(embedded: Target) -> None:
    running = embedded.resolve(PORTS)
    assert running.hops.kafka
    assert running.hops.lake
    assert running.hops.api
    assert running.hops.kafka.bootstrap == "127.0.0.1:9092"
    assert running.hops.lake.catalog["uri"] == "sqlite:////state/lake/catalog.db"
    assert running.stack.environment["WAREHOUSE"] == "file:///state/lake/warehouse"
    assert running.hops.api.url == "http://127.0.0.1:8000"
    assert running.fingerprint == embedded.fingerprint
    assert running.file == embedded.file


def test_a_target_can_be_filled_in_twice(embedded: Target) -> None:
    assert embedded.resolve(PORTS).resolve({}) == embedded.resolve(PORTS)


def test_the_running_stack_comes_before_the_file_and_the_environment(
    embedded: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_PORT", "1")
    monkeypatch.setenv("API_PORT", "2")
    without_api = {name: port for name, port in PORTS.items() if name != "API_PORT"}
    running = embedded.resolve({**without_api, "CATALOG_URI": "sqlite:///mine"})
    assert running.hops.kafka
    assert running.hops.lake
    assert running.hops.api
    assert running.hops.kafka.bootstrap == "127.0.0.1:9092"
    assert running.hops.api.url == "http://127.0.0.1:2"
    assert running.hops.lake.catalog["uri"] == "sqlite:///mine"


def test_an_undefined_variable_is_told_by_its_key(embedded: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("API_PORT", raising=False)
    with pytest.raises(TargetError) as caught:
        embedded.resolve({**{k: v for k, v in PORTS.items() if k != "API_PORT"}, "API_PRT": "1"})
    assert str(caught.value) == (
        "variables/embedded.yaml: key `hops.api.url` needs the variable API_PORT, which neither the stack nor"
        " the environment defines. Did you mean `API_PRT`?"
    )


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"), ("${A}-${A}", "1-1"), ("${B:-two}", "two"), ("${A:-two}", "1"), ("${B:-}", ""),
        ("$${A}", "${A}"), ("$$", "$"), ("$A", "$A"), ("${}", "${}"), ("cost: 5$", "cost: 5$"),
    ],
)  # fmt: skip
def test_references_are_those_of_compose(text: str, filled: str) -> None:
    assert fill_in(text, {"A": "1"}, "x") == filled


def test_mappings_are_left_alone(embedded: Target) -> None:
    running = embedded.resolve(PORTS)
    assert running.hops.kafka
    assert embedded.hops.kafka
    assert running.hops.kafka.mapping == embedded.hops.kafka.mapping


def test_a_secret_comes_from_a_variable_and_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    source = SecretSource(variable="SOME_KEYS", pattern="b:([^,]+)")
    monkeypatch.setenv("SOME_KEYS", "a:hidden-a,b:hidden-b")
    found = source.read({})
    assert isinstance(found, Secret)
    assert found.value == "hidden-b"
    assert "hidden" not in f"{found} {found!r} {source!r}"
    assert source.read({"SOME_KEYS": "b:other"}).value == "other"
    assert SecretSource(variable="SOME_KEYS").read({"SOME_KEYS": "all of it"}).value == "all of it"


def test_a_secret_that_is_not_there_is_told_without_its_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_KEYS", raising=False)
    source = SecretSource(variable="SOME_KEYS", pattern="c:([^,]+)")
    with pytest.raises(TargetError, match="The secret SOME_KEYS is not there"):
        source.read({})
    with pytest.raises(TargetError) as caught:
        source.read({"SOME_KEYS": "a:hidden-a"})
    assert "hidden" not in str(caught.value)


def test_the_file_never_shows_in_a_path_of_this_machine(embedded: Target) -> None:
    assert embedded.file.name == "embedded.yaml"
    assert embedded.compose_file == Path(embedded.file.parent.parent, "tickerplant", "compose.yaml")
