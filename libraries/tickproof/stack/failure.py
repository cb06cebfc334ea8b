"""What a user is told when a stack does not come up."""

from collections.abc import Sequence
from pathlib import Path

from tickproof.stack.model import ServiceState
from tickproof.stack.processes import in_words

INSTALL = "remove .venv and run make again, or run pip install -e '.[embedded]' in the project's folder"
"""How packages that are missing are had."""

_LINES = 4
_WIDTH = 200
_HINTS = (
    (
        "address already in use",
        "another program took its port meanwhile; start again and another port is chosen.",
    ),
    ("no module named", f"a package is missing; {INSTALL}."),
    ("no space left on device", "the disk is full; `tickproof doctor` tells where room is needed."),
    ("cannot allocate memory", "the machine has too little free memory."),
    ("cannot be started: no such file", "the command of its x-local block is not on PATH."),
)


def did_not_start(service: ServiceState, log: Path, tail: Sequence[str], *, waited: str) -> str:
    """Tell that a service did not come up, and why as far as its state and log tell.

    Args:
        service: how it stood at last.
        log: where its output is.
        tail: the last lines of that.
        waited: for how long, or how far it came, in words.
    """
    seen = f"state {service.state}"
    health = "health" if service.state == "running" else "health was"
    seen += f", {health} {service.health}" if service.health else ""
    seen += f", {in_words(service.exit_code)}" if service.exit_code is not None else ""
    reason = f" ({service.reason})" if service.reason and service.exit_code is None else ""
    lines = [f"Service {service.name} should come up, but {waited}: {seen}{reason}."]
    shown = [f"  {line[:_WIDTH].rstrip()}" for line in tail if line.strip()][-_LINES:]
    lines += ["It last wrote:", *shown] if shown else ["It wrote nothing."]
    lines.append(f"Evidence: {log}")
    hint = _hint(service, "\n".join([*tail, service.reason]).lower())
    return "\n".join([*lines, f"Hint: {hint}"] if hint else lines)


def _hint(service: ServiceState, said: str) -> str:
    for words, hint in _HINTS:
        if words in said:
            return hint
    if "out of memory" in service.reason:
        return "its memory limit in the compose file is too small for it."
    return ""


def tail(path: Path, lines: int, secrets: Sequence[str]) -> list[str]:
    """Return the last lines of a log, with every secret made unreadable."""
    if lines <= 0 or not path.exists():
        return []
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - lines * 2_000))
        text = file.read().decode("utf-8", "replace")
    return without(text, secrets).splitlines()[-lines:]


def without(text: str, secrets: Sequence[str]) -> str:
    """Return a text with every secret made unreadable."""
    for secret in secrets:
        text = text.replace(secret, "<secret>")
    return text
