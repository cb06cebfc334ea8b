"""Waits until a run has ended, and ends by force what is left of it after that."""

import contextlib
import subprocess
import time
from pathlib import Path

import psutil

from tickproof.stack import folders, processes
from tickproof.stack.errors import StackError

AT_LEAST = 5.0
"""Seconds that a stack may take to end beside its services' own grace periods."""

supervisors: dict[Path, "subprocess.Popen[bytes]"] = {}
"""The supervisors that this process has started, by the folder of their run."""

_LOOK_EVERY = 0.01
_TRIES = 3


def end(folder: Path, within: float) -> None:
    """Wait until a run has ended; end what is left of it after that by force.

    Args:
        folder: of the run.
        within: seconds to wait for its orderly end.

    Raises:
        StackError: it cannot be ended.
    """
    deadline, tries = time.monotonic() + within, 0
    while folders.is_alive(folder):
        if time.monotonic() >= deadline:
            if tries == _TRIES:
                raise StackError(
                    f"The run {folder} cannot be ended: somebody holds its lock, and no supervisor of it is "
                    f"there to be killed; `lsof {folder / 'lock'}` tells who."
                )
            _kill_supervisor(folder)
            deadline, tries = time.monotonic() + AT_LEAST, tries + 1
        time.sleep(_LOOK_EVERY)
    if ours := supervisors.pop(folder, None):
        ours.wait()
    if folder.exists() and not (folder / "ended").exists():
        processes.reap(folder)
        folders.clear(folder)


def _kill_supervisor(folder: Path) -> None:
    """Kill the supervisor of a run: the leader of its own session that carries the run's mark."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if (
                process.environ().get(processes.MARK) == str(folder)
                and "tickproof.stack.supervisor" in process.cmdline()
            ):
                process.kill()
