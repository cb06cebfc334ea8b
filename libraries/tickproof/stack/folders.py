"""Where stacks keep their state: one folder a run, alive as long as its lock is held.

    <state>/runs/<name>--<time>/   lock, stack.json, events.jsonl, control.sock,
                                   logs/, data/, exchange/

A run is alive when somebody holds its lock: the supervisor does, for all of its life. Nothing is guessed from
process numbers.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import platformdirs

from tickproof.stack import processes
from tickproof.stack.errors import StackInputError

SOON = 1.0
"""Seconds that one may wait for another run without being told so."""

_KEPT_RUNS = 5
_LOOK_EVERY = 0.02
_NEEDED_MB = 500
_YOUNG = 10.0
PROJECT = "project"
"""A run's file that holds its Compose project, as long as that may have containers."""

_PASSING = ("plan.json", "control.sock")


def state_folder() -> Path:
    """Return the folder of all runs of this user: TICKPROOF_STATE_DIR, else the system's place for state."""
    return Path(os.environ.get("TICKPROOF_STATE_DIR") or platformdirs.user_state_path("tickproof")).absolute()


def cache_folder() -> Path:
    """Return the folder of what is fetched once: TICKPROOF_CACHE_DIR, else the system's place for caches."""
    return Path(os.environ.get("TICKPROOF_CACHE_DIR") or platformdirs.user_cache_path("tickproof")).absolute()


def make_usable(folder: Path, variable: str) -> None:
    """Make a folder and see that it can be written and has room.

    Args:
        folder: the folder.
        variable: the environment variable that would choose another one, for the message.

    Raises:
        StackInputError: it cannot be made or written, or the disk is nearly full.
    """
    elsewhere = f"set {variable} to a folder elsewhere"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
        free = shutil.disk_usage(folder).free
    except (FileExistsError, NotADirectoryError):
        raise StackInputError(f"{folder} is not a folder; remove it, or {elsewhere}.") from None
    except OSError as error:
        raise StackInputError(
            f"{folder} cannot be used ({error.strerror}); make it writable, or {elsewhere}."
        ) from None
    if free < _NEEDED_MB * 1_000_000:
        raise StackInputError(
            f"{folder} is on a disk with {free // 1_000_000} MB free, but a stack needs {_NEEDED_MB} MB; "
            f"make room, or {elsewhere}."
        )


@contextlib.contextmanager
def only_one(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a lock file while the block runs; others wait.

    Args:
        path: the lock file.
        waiting: called once when somebody else has held it for a second.
    """
    lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        if waiting is not None and not _had_soon(lock):
            waiting()
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _had_soon(lock: int) -> bool:
    deadline = time.monotonic() + SOON
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOOK_EVERY)
        else:
            return True


def new_run(name: str) -> tuple[Path, int]:
    """Make the folder of a run and lock it.

    Args:
        name: of the stack.

    Returns:
        The folder, and the file descriptor whose holder keeps the run alive.

    Raises:
        StackInputError: the name does not fit a file name.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}", name) or "--" in name:
        raise StackInputError(f"A stack cannot be called {name}; use letters, digits, single dashes, dots.")
    runs = state_folder() / "runs"
    runs.mkdir(mode=0o700, parents=True, exist_ok=True)
    with only_one(state_folder() / "runs.lock"):
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
        folder = runs / f"{name}--{stamp}"
        folder.mkdir(mode=0o700)
        lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
    for inner in ("logs", "data", "exchange"):
        (folder / inner).mkdir()
    return folder, lock


def is_alive(folder: Path) -> bool:
    """Tell whether a run's supervisor lives."""
    try:
        lock = os.open(folder / "lock", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def is_young(folder: Path) -> bool:
    """Tell whether a run's supervisor may still be about to open its control socket."""
    return time.time() - (folder / "lock").stat().st_mtime < _YOUNG


def runs() -> list[Path]:
    """Return the folders of all runs, oldest first."""
    found = (folder for folder in (state_folder() / "runs").glob("*--*") if folder.is_dir())
    return sorted(found, key=lambda folder: folder.name.rpartition("--")[2])


def name_of(folder: Path) -> str:
    """Return the name of the stack that a run's folder belongs to."""
    return folder.name.rpartition("--")[0]


def clean() -> list[str]:
    """Clear up after runs whose supervisor is gone: end what they left running, remove their data.

    The logs and timelines of the few that ended last are kept.

    Returns:
        What was done, one sentence a run that left something behind.
    """
    done = []
    state_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    with only_one(state_folder() / "runs.lock"):
        dead = [folder for folder in runs() if not is_alive(folder)]
        for folder in dead:
            if removed := _remove_containers(folder):
                done.append(f"Removed {removed} things that the run {folder.name} had left with Docker.")
            if (folder / "ended").exists():
                continue
            if killed := processes.reap(folder):
                done.append(f"Ended {len(killed)} processes that the run {folder.name} had left behind.")
            clear(folder)
        # A long run may have started before all others: its logs are not old when it has only just ended.
        for folder in sorted(dead, key=_ended_at)[:-_KEPT_RUNS]:
            if not (folder / PROJECT).exists():
                shutil.rmtree(folder, ignore_errors=True)
    return done


def _remove_containers(folder: Path) -> int:
    """Remove what a run still has with Docker; return how many things. Without an engine it stays for a later run."""
    project = folder / PROJECT
    if not project.exists():
        return 0
    from tickproof.stack.docker import engine  # noqa: PLC0415 - only those need it whose target is run by Docker

    with contextlib.suppress(StackInputError):
        removed = engine.remove(project.read_text(encoding="utf-8"))
        project.unlink()
        return len(removed)
    return 0


def _ended_at(folder: Path) -> int:
    return (folder / "ended").stat().st_mtime_ns


def clear(folder: Path) -> None:
    """Remove what a run needs only while it lives, its containers too, and mark it as ended."""
    _remove_containers(folder)
    for name in _PASSING:
        (folder / name).unlink(missing_ok=True)
    for name in ("data", "exchange"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "ended").touch()


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write a file so that nobody ever reads half of it, and nobody else can read it."""
    scratch = path.with_suffix(".new")
    descriptor = os.open(scratch, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(data, file)
    scratch.replace(path)
