"""Small stacks for tests, in folders of their own."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from tickproof.stack import Stack, processes
from tickproof.stack.spec import StackSpec

PART = Path(__file__).parent / "part.py"


def part(
    name: str,
    *,
    health: bool = True,
    timing: dict[str, Any] | None = None,
    env: dict[str, str] | None = None,
    **keys: Any,
) -> dict[str, Any]:
    """Returns one service of a compose file that runs `part.py`."""
    port = f"{name.upper().replace('-', '_')}_PORT"
    local: dict[str, Any] = {
        "command": ["python", "-S", str(PART)],
        "environment": {"PORT": f"${{{port}}}", "NAME": name, **(env or {})},
        "ports": [port],
    }
    service: dict[str, Any] = {"image": "none", **keys, "x-local": local}
    if health:
        local["health"] = {"http": f"http://127.0.0.1:${{{port}}}/health"}
        service["healthcheck"] = {
            "test": ["CMD", "true"], "interval": "100ms", "timeout": "1s", "retries": 2,
            "start_period": "10s", "start_interval": "20ms", **(timing or {}),
        }  # fmt: skip
    return service


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


def marked(folder: Path) -> list[int]:
    """Returns all processes that belong to the runs below a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(processes.MARK, "").startswith(str(folder)):
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


PYTHON = sys.executable
