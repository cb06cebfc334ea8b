"""Run one function in a fresh process, so that its peak of memory and its warm-up are its own.

The process is `python -m tickproof.bench.process MODULE FUNCTION [JSON ARGUMENTS]`. Its last line of output is the
result as JSON; what it writes to its error output is progress.
"""

import importlib
import json
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

LAST_LINES = 5


class MeasureError(Exception):
    """A measure did not run to its end."""


def fresh(module: str, function: str, *arguments: Any, tell: Callable[[str], None] | None = None) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Call a function in a fresh process and return what it returns.

    Args:
        module: Name of the module.
        function: Name of the function in it.
        arguments: Arguments that JSON can hold.
        tell: Is given each line of progress; None: progress goes where ours goes.

    Raises:
        MeasureError: The function raised; the message holds its last words.
    """
    argv = [sys.executable, "-m", "tickproof.bench.process", module, function, json.dumps(arguments)]
    code, lines, last_words = run(argv, tell=tell)
    if code or not lines:
        raise MeasureError(f"{module}.{function} ended with {code}: {last_words}")
    return json.loads(lines[-1])


def run(argv: Sequence[str], *, tell: Callable[[str], None] | None = None) -> tuple[int, list[str], str]:
    """Run a program; return its exit code, the lines of its output, and its last words on the error output."""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        last: deque[str] = deque(maxlen=LAST_LINES)
        for line in process.stderr:
            last.append(line.rstrip())
            (say if tell is None else tell)(line.rstrip())
        lines = process.stdout.read().splitlines()
    return process.returncode, lines, " / ".join(last)


def peak_memory_mb() -> float:
    """Return the largest resident set of this process so far in MB (Linux), 0 where it cannot be known."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    kilobytes = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) * 1024 / 1e6


def say(text: str) -> None:
    """Tell how far a measure is."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    result = getattr(importlib.import_module(sys.argv[1]), sys.argv[2])(*json.loads(sys.argv[3]))
    sys.stdout.write(json.dumps(result) + "\n")
