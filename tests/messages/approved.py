"""Approved texts: what a user reads when something goes wrong, each word agreed on.

`approve` compares a text with `tests/messages/<name>.approved.txt`. On a difference it writes
`<name>.received.txt` beside it and fails; whoever agrees with the new text renames the file.
"""

from collections.abc import Mapping
from pathlib import Path

_FOLDER = Path(__file__).parent


def approve(name: str, text: str, *, hide: Mapping[str, str] | None = None) -> None:
    """Fails unless the text is the approved one.

    Args:
        name: of the approved text, without ending.
        text: what was said.
        hide: parts that differ from run to run (a path, a port) and the words that stand for them.
    """
    for changing, stable in (hide or {}).items():
        text = text.replace(changing, stable)
    text = text.rstrip("\n") + "\n"
    approved = _FOLDER / f"{name}.approved.txt"
    received = _FOLDER / f"{name}.received.txt"
    agreed = approved.read_text(encoding="utf-8") if approved.exists() else None
    if agreed == text:
        received.unlink(missing_ok=True)
        return
    received.write_text(text, encoding="utf-8")
    was = "there is no approved text yet" if agreed is None else f"approved:\n{agreed}"
    raise AssertionError(
        f"{name} says something new.\n{was}\nreceived:\n{text}To agree: mv {received} {approved}"
    )
