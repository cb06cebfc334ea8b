"""What runs leave behind."""

from collections.abc import Iterator
from pathlib import Path

import psutil
from tickproof.stack import processes


def _belonging(folder: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.environ().get(processes.MARK, "").startswith(str(folder)):
                yield process
        except (psutil.Error, OSError):
            continue


def marked(folder: Path) -> list[int]:
    """Returns all processes that belong to the runs below a folder."""
    return [process.pid for process in _belonging(folder)]


def left_behind(state: Path) -> list[str]:
    """Names the processes that belong to stacks below a state folder."""
    found = []
    for process in _belonging(state):
        try:
            found.append(f"{process.pid} {' '.join(process.cmdline())[:120]}")
        except (psutil.Error, OSError):
            continue
    return found
