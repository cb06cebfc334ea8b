"""Starts, signals and measures the process groups of services."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

MARK = "TICKPROOF_RUN"
"""The variable that marks every process of a run, by the run's folder; children inherit it."""

_PASSED_ON = (
    "HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "SHELL", "TMPDIR",
    "TZ", "USER", "VIRTUAL_ENV",
)  # fmt: skip
_PR_SET_PDEATHSIG = 1
_GONE_WITHIN = 3.0
_PAGE = os.sysconf("SC_PAGE_SIZE")


def base_environment(folder: Path) -> dict[str, str]:
    """Return what every process of a run gets: the mark, and little of our own environment."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**passed, "PYTHONUNBUFFERED": "1", MARK: str(folder)}


def executable(program: str) -> str:
    """Return what to start for a command's first word: `python` is the one that runs the kit."""
    return sys.executable if program in ("python", "python3") else program


def spawn(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    output: int,
    stdin: int = subprocess.DEVNULL,
) -> "subprocess.Popen[bytes]":
    """Start a process as the leader of its own session, tied to the life of this one.

    Args:
        argv: the command; `python` stands for the interpreter that runs the kit.
        environment: all of its environment.
        folder: its working folder.
        output: file descriptor for what it writes, errors included.
        stdin: file descriptor to read from.

    Raises:
        OSError: the program cannot be started.
    """
    program, *rest = argv
    return subprocess.Popen(
        [executable(program), *rest],
        env=dict(environment),
        cwd=folder,
        stdin=stdin,
        stdout=output,
        stderr=output if output != subprocess.PIPE else subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=die_with_parent(),  # noqa: PLW1509 - the supervisor has one thread
    )


def die_with_parent() -> Callable[[], None] | None:
    """Return what a new process runs before its program, so that the kernel ends it with its parent.

    The kernel ties it to the thread that spawned it: only a main thread may use this.
    """
    if sys.platform != "linux":
        return None
    prctl, parent, kill = ctypes.CDLL(None).prctl, os.getpid(), int(signal.SIGKILL)

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, kill)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return tie


def signal_group(leader: int, number: int) -> None:
    """Send a signal to all processes of a group; one that has ended is no error."""
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        pass
    except PermissionError:  # macOS says this of a group of zombies
        if sys.platform != "darwin":
            raise


def members(leader: int) -> list[int]:
    """Return the processes of a session, its leader included."""
    found = []
    for pid in psutil.pids():
        try:
            if os.getsid(pid) == leader:
                found.append(pid)
        except (ProcessLookupError, PermissionError):
            continue
    return found


def resident(pids: Sequence[int]) -> int:
    """Return the resident memory of processes in bytes; those that have ended count nothing."""
    return sum(_resident(pid) for pid in pids)


def _resident(pid: int) -> int:
    try:
        if (
            sys.platform == "linux"
        ):  # ten times a second for each process: psutil would take a look at more than this
            return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE
        return int(psutil.Process(pid).memory_info().rss)
    except (OSError, IndexError, psutil.Error):
        return 0


def exit_code(returncode: int) -> int:
    """Return an exit code as Docker tells it: 128 + the signal's number where a signal ended it."""
    return 128 - returncode if returncode < 0 else returncode


def in_words(code: int) -> str:
    """Return how a process ended, in words."""
    if code > 128:
        try:
            return f"exit code {code}, {signal.Signals(code - 128).name}"
        except ValueError:
            pass
    return f"exit code {code}"


def _runs(process: psutil.Process) -> bool:
    """Tell whether a process runs; one that only waits for its parent to take note does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def reap(folder: Path) -> list[int]:
    """Kill what is left of a run, and only that: processes of this user that carry the run's mark.

    Args:
        folder: the run's folder. The caller holds its lock, so no supervisor is alive.

    Returns:
        The processes that were killed.
    """
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == str(folder):
                process.kill()  # psutil compares the creation time first: a reused pid is spared
                found.append(process)
        except (psutil.Error, OSError):
            continue
    deadline = time.monotonic() + _GONE_WITHIN
    while any(_runs(process) for process in found) and time.monotonic() < deadline:
        time.sleep(0.005)
    return [process.pid for process in found]
