"""Fixtures for small stacks, in folders of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_stacks import part
from tickproof.stack import Stack
from tickproof.stack.spec import StackSpec


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TICKPROOF_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("TICKPROOF_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def compose(tmp_path: Path) -> Callable[..., StackSpec]:
    def write(services: dict[str, Any] | None = None, **more: Any) -> StackSpec:
        path = tmp_path / "compose.yaml"
        path.write_text(yaml.safe_dump({"services": services or {"alpha": part("alpha")}}, sort_keys=False))
        return StackSpec(**{"name": "small", "compose": path, **more})

    return write


@pytest.fixture
def up(compose: Callable[..., StackSpec]) -> Iterator[Callable[..., Stack]]:
    stacks: list[Stack] = []

    def start(services: dict[str, Any] | StackSpec | None = None, **options: Any) -> Stack:
        spec = services if isinstance(services, StackSpec) else compose(services)
        stacks.append(Stack.up(spec, **options))
        return stacks[-1]

    yield start
    for stack in stacks:
        stack.down()
