"""The command that runs one test again, with the same target and the same plan."""

import shlex
from collections.abc import Mapping
from pathlib import Path


def command(source: Path, test: str, variables: Mapping[str, object], *, start: Path | None = None) -> str:
    """Return a shell command that replays a test alone.

    Args:
        source: The suite file.
        test: The test's name or long name; it is taken literally.
        variables: What must be the same, such as SEED, TARGET and FORM.
        start: The folder to run it from; None: the current one.

    Example:
        >>> command(Path("/w/suites/a.robot"), "Odd [1] Name", {"SEED": 7}, start=Path("/w"))
        "robot -d results -v SEED:7 --test 'Odd [[]1] Name' suites/a.robot"
    """
    start = start or Path.cwd()
    where = source.relative_to(start) if source.is_relative_to(start) else source
    words = ["robot", "-d", "results"]
    for name, value in variables.items():
        words += ["-v", f"{name}:{value}"]
    return shlex.join([*words, "--test", literal(test), where.as_posix()])


def literal(name: str) -> str:
    """Return a pattern of Robot Framework that matches this name only."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
