"""Parts of small stacks for tests."""

from pathlib import Path
from typing import Any

PART = Path(__file__).parent / "part.py"

SOON_SICK = {"timeout": "1s", "retries": 2}
"""Timing of a service that is to become unhealthy; any other has the patience that a busy machine needs."""


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
            "test": ["CMD", "true"], "interval": "100ms", "timeout": "10s", "retries": 5,
            "start_period": "60s", "start_interval": "20ms", **(timing or {}),
        }  # fmt: skip
    return service
