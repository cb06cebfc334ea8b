"""How the project's own tests wait for something that another process does."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds that a busy machine may take for what takes an idle one milliseconds."""


def until(look: Callable[[], T], within: float = PATIENCE, every: float = 0.02) -> T:
    """Looks until there is something true, and returns it; fails with what was seen last."""
    pause = threading.Event()
    end = time.monotonic() + within
    while not (seen := look()):
        assert time.monotonic() < end, f"Still {seen!r} after {within:g} s."
        pause.wait(every)
    return seen
