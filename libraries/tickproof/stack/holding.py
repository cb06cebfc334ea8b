"""Holds a stack shared or exclusive among tests and runs, by two lock files."""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tickproof.stack.errors import StackError
from tickproof.stack.folders import SOON

_LOOK_EVERY = 0.02


@contextlib.contextmanager
def hold(folder: Path, *, exclusive: bool, within: float, progress: Callable[[str], None]) -> Iterator[None]:
    """Hold a folder's stack while the block runs.

    Whoever wants it alone closes the door first, so that newcomers who would share it cannot keep him waiting
    for ever.

    Args:
        folder: of the run.
        exclusive: whether nobody else may hold it meanwhile.
        within: seconds to wait for the others.
        progress: told once when the others have held it for a second.

    Raises:
        StackError: the others did not let go in time.
    """
    wait = _Wait(within, progress)
    mode = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    room = os.open(folder / "hold-room", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        door = os.open(folder / "hold-door", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            wait.lock(door, mode)
            wait.lock(room, mode)
        finally:
            os.close(door)
        yield
    finally:
        os.close(room)


class _Wait:
    """One wait for both locks."""

    def __init__(self, within: float, progress: Callable[[str], None]) -> None:
        self._began = time.monotonic()
        self._within = within
        self._progress = progress
        self._told = False

    def lock(self, file: int, mode: int) -> None:
        while True:
            try:
                fcntl.flock(file, mode | fcntl.LOCK_NB)
            except BlockingIOError:
                self._go_on(mode)
                time.sleep(_LOOK_EVERY)
            else:
                return

    def _go_on(self, mode: int) -> None:
        waited = time.monotonic() - self._began
        if waited >= self._within:
            how = "alone" if mode == fcntl.LOCK_EX else "together with others"
            raise StackError(
                f"The stack could not be had {how} within {self._within:g} s: another test or run holds it."
            ) from None
        if waited >= SOON and not self._told:
            self._told = True
            self._progress(f"waiting for another run that holds the stack (up to {self._within:g} s)")
