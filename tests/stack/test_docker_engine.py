"""What is missing for Docker is said in a sentence; what is asked of it is right."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tickproof.stack import StackInputError, folders
from tickproof.stack.docker import engine


class FakeDocker(SimpleNamespace):
    """The SDK, in front of an engine that does not answer."""

    class errors:  # noqa: N801 - the SDK's name
        class DockerException(Exception):  # noqa: N818 - same
            pass

    def __init__(self, says: str) -> None:
        super().__init__(__spec__=object())
        self._says = says

    def from_env(self, **_: object) -> object:
        raise self.errors.DockerException(self._says)


def test_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    monkeypatch.setitem(sys.modules, "docker", FakeDocker("connection refused"))
    with pytest.raises(StackInputError, match=r"No Docker engine answers at unix:///nowhere.sock; start one"):
        engine.connect()


def test_no_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", FakeDocker("PermissionError(13, 'Permission denied')"))
    with pytest.raises(StackInputError, match=r"You may not talk to the Docker engine .* join its group"):
        engine.connect()


def test_no_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(StackInputError, match=r"Python SDK is missing; install it with `pip install"):
        engine.connect()


def test_no_compose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.shutil, "which", lambda _: None)
    monkeypatch.setattr(engine.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(StackInputError, match=r"Docker Compose v2 is missing; install"):
        engine.compose_command()


def client(**parts: Any) -> SimpleNamespace:
    return SimpleNamespace(**parts)


def test_an_image_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(engine, "_config", lambda *_: "tickerplant:latest\npostgres:17\n")
    there = client(images=SimpleNamespace(list=lambda: [SimpleNamespace(tags=["tickerplant:latest"])]))
    with pytest.raises(StackInputError, match=r"The image postgres:17 is not on this machine; `make images`"):
        engine.require_images(there, tmp_path / "compose.yaml", {})


@pytest.mark.parametrize(
    ("config", "address"),
    [
        ({"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}, "172.17.0.1"),
        ({"Subnet": "10.5.0.0/24"}, "10.5.0.1"),
    ],
)
def test_containers_reach_us_through_the_bridge(config: dict[str, str], address: str) -> None:
    bridge = SimpleNamespace(attrs={"IPAM": {"Config": [config]}})
    assert engine.gateway(client(networks=SimpleNamespace(get=lambda _: bridge))) == address


def test_a_project_is_named_after_its_run() -> None:
    assert engine.project_of(Path("/runs/My.Stack--20261127-010203-000001")) == (
        "tickproof-my-stack-20261127-010203-000001"
    )


def left_behind(monkeypatch: pytest.MonkeyPatch, state: Path) -> Path:
    monkeypatch.setenv("TICKPROOF_STATE_DIR", str(state))
    folder, lock = folders.new_run("mine")
    os.close(lock)  # its supervisor is gone
    (folder / folders.PROJECT).write_text("tickproof-mine-1")
    return folder


def test_the_next_run_removes_what_a_killed_one_left_with_docker(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = left_behind(monkeypatch, tmp_path)
    asked = []
    monkeypatch.setattr(engine, "remove", lambda project: asked.append(project) or ["a", "b"])
    assert folders.clean() == [f"Removed 2 things that the run {folder.name} had left with Docker."]
    assert folders.clean() == []
    assert asked == ["tickproof-mine-1"]


def test_without_an_engine_it_stays_for_a_run_that_finds_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def gone(_project: str) -> list[str]:
        raise StackInputError("No Docker engine answers.")

    folder = left_behind(monkeypatch, tmp_path)
    monkeypatch.setattr(engine, "remove", gone)
    assert folders.clean() == []
    assert (folder / folders.PROJECT).exists()
    monkeypatch.setattr(engine, "remove", lambda _project: ["a"])
    assert len(folders.clean()) == 1


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        ("2026-11-27T12:00:00.123456789Z", 1795780800.123456),
        ("2026-11-27T13:00:00.5+01:00", 1795780800.5),
        ("2026-11-27T12:00:00Z", 1795780800.0),
    ],
)
def test_the_stamps_of_the_engine_are_read(stamp: str, seconds: float) -> None:
    assert engine._seconds(stamp) == seconds
