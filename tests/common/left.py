"""What runs leave behind."""

from pathlib import Path

import psutil
from tickproof.stack import processes


def left_behind(state: Path) -> list[str]:
    """Names the processes that belong to stacks below a state folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(processes.MARK, "").startswith(str(state)):
                found.append(f"{process.pid} {' '.join(process.cmdline())[:120]}")
        except (psutil.Error, OSError):
            continue
    return found
