"""How long to wait before the next attempt to connect."""

import random


class Backoff:
    """A quick first retry, then doubling waits up to a limit, each shortened at random so that not all come at once.

    Args:
        first: Seconds before the first retry.
        most: Seconds that no wait exceeds.
    """

    def __init__(self, first: float = 0.05, most: float = 5.0) -> None:
        self._first, self._most = first, most
        self._failures = 0

    def next(self) -> float:
        """Return the seconds to wait now, given that another attempt has failed."""
        longest = min(self._most, self._first * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret depends on it

    def reset(self) -> None:
        """Start anew: the connection held."""
        self._failures = 0
