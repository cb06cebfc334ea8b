"""Named points at which the writer kills itself when told to, so that crash safety can be proved."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

AFTER_POLL = "after-poll"
AFTER_FILE = "after-file"
BEFORE_COMMIT = "before-commit"
AFTER_COMMIT = "after-commit"
BEFORE_SAVE = "before-save"

POINTS = (AFTER_POLL, AFTER_FILE, BEFORE_COMMIT, AFTER_COMMIT, BEFORE_SAVE)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Failpoints:
    """Dies once at the point that a file names; the file goes first, so that the next writer lives.

    Args:
        file: whoever wants a crash writes a point's name there; None where nobody may.
        die: what dying is; SIGKILL to this process, so that nothing is cleaned up.
    """

    def __init__(self, file: Path | None = None, die: Callable[[], None] = _kill) -> None:
        self._file = file
        self._die = die

    def reached(self, point: str) -> None:
        """Say that the writer, with rows in hand, is at `point`."""
        if self._file is None:
            return
        try:
            told = self._file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        if told.strip() == point:
            self._file.unlink()
            self._die()
