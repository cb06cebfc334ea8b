"""Holds a stack shared or exclusive among tests and runs, by two lock files."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from tickproof.stack.errors import StackError

_LOOK_EVERY = 0.02


@contextlib.contextmanager
def hold(folder: Path, *, exclusive: bool, within: float) -> Iterator[None]:
    """Hold a folder's stack while the block runs.

    Whoever wants it alone closes the door first, so that newcomers who would share it cannot keep him waiting
    for ever.

    Args:
        folder: of the run.
        exclusive: whether nobody else may hold it meanwhile.
        within: seconds to wait for the others.

    Raises:
        StackError: the others did not let go in time.
    """
    deadline = time.monotonic() + within
    mode = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    room = os.open(folder / "hold-room", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        door = os.open(folder / "hold-door", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            _lock(door, mode, deadline, within)
            _lock(room, mode, deadline, within)
        finally:
            os.close(door)
        yield
    finally:
        os.close(room)


def _lock(file: int, mode: int, deadline: float, within: float) -> None:
    while True:
        try:
            fcntl.flock(file, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                how = "alone" if mode == fcntl.LOCK_EX else "together with others"
                raise StackError(
                    f"The stack could not be had {how} within {within:g} s: another test or run holds it."
                ) from None
            time.sleep(_LOOK_EVERY)
        else:
            return
