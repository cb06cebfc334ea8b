"""Named points at which the writer kills itself when told to, so that crash safety can be proved."""

import os
import signal
from collections.abc import Callable

AFTER_POLL = "after-poll"
AFTER_FILE = "after-file"
BEFORE_COMMIT = "before-commit"
AFTER_COMMIT = "after-commit"
BEFORE_SAVE = "before-save"

POINTS = (AFTER_POLL, AFTER_FILE, BEFORE_COMMIT, AFTER_COMMIT, BEFORE_SAVE)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Failpoints:
    """Dies at one named point, or nowhere.

    Args:
        armed: the point at which to die; empty for none.
        die: what dying is; SIGKILL to this process, so that nothing is cleaned up.
    """

    def __init__(self, armed: str = "", die: Callable[[], None] = _kill) -> None:
        self._armed = armed
        self._die = die

    def reached(self, point: str) -> None:
        """Say that the writer, with rows in hand, is at `point`."""
        if point == self._armed:
            self._die()
