"""The one clock: nanoseconds since the Unix epoch that never run backwards within a process.

Every time in a ledger, an event or a log comes from here. The monotonic clock is tied to the wall clock once,
when this module is first imported, so that a step of the wall clock in the middle of a run cannot make a
trade arrive before it was sent.
"""

import time


def _anchor() -> int:
    """Return the wall clock's lead over the monotonic clock, from the tightest of a few readings."""
    readings = []
    for _ in range(8):
        before = time.monotonic_ns()
        wall = time.time_ns()
        after = time.monotonic_ns()
        readings.append((after - before, wall - (before + after) // 2))
    return min(readings)[1]


_LEAD_NS = _anchor()


def now_ns() -> int:
    """Return the time now in nanoseconds since the Unix epoch.

    Example:
        >>> first = now_ns()
        >>> now_ns() >= first
        True
    """
    return time.monotonic_ns() + _LEAD_NS
