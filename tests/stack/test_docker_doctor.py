"""What the doctor says of a machine that is to run containers."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from tickproof.stack import StackInputError
from tickproof.stack.docker import doctor, engine
from tickproof.stack.finding import Finding
from tickproof.stack.spec import StackSpec

SPEC = StackSpec("docker", Path("compose.yaml"), docker=True)


def refuse(sentence: str) -> object:
    raise StackInputError(sentence)


def engine_that(monkeypatch: pytest.MonkeyPatch, *, memory: int = 8_000_000_000, api: str = "1.47") -> None:
    there = SimpleNamespace(
        version=lambda: {"Version": "27.1", "ApiVersion": api}, info=lambda: {"MemTotal": memory}
    )
    monkeypatch.setattr(engine, "connect", lambda: there)
    monkeypatch.setattr(engine, "compose_command", lambda: ["docker", "compose"])
    monkeypatch.setattr(engine, "require_images", lambda *_: None)


def test_all_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    engine_that(monkeypatch)
    found = doctor.examine(SPEC)
    assert [finding.what for finding in found] == ["Docker engine", "memory", "Compose", "images"]
    assert {finding.level for finding in found} == {"ok"}


def test_without_an_engine_nothing_else_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "connect", lambda: refuse("No engine answers; start one."))
    assert doctor.examine(SPEC) == [Finding("bad", "Docker engine", "No engine answers", "start one.")]


def test_an_old_engine_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    engine_that(monkeypatch, api="1.41")
    assert doctor.examine(SPEC)[0].level == "note"


def test_too_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    engine_that(monkeypatch, memory=2_000_000_000)
    assert (doctor.examine(SPEC)[1].level, doctor.examine(SPEC)[1].seen) == ("bad", "2.0 GB for containers")


def test_missing_compose_and_images(monkeypatch: pytest.MonkeyPatch) -> None:
    engine_that(monkeypatch)
    monkeypatch.setattr(engine, "require_images", lambda *_: refuse("The image x is not here; make images"))
    assert doctor.examine(SPEC)[3] == Finding("bad", "images", "The image x is not here", "make images")
    monkeypatch.setattr(engine, "compose_command", lambda: refuse("Compose v2 is missing; install it"))
    assert doctor.examine(SPEC)[2:] == [Finding("bad", "Compose", "Compose v2 is missing", "install it")]
