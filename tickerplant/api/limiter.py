"""How often a key may ask: a token bucket a key.

A bucket holds at most a minute's requests and refills evenly: a key that slept may send its whole minute at
once, and one that was refused may ask again as soon as one token has dripped in. `retry_after` says when.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Allowance:
    """What the limiter says about one request.

    Args:
        granted: Whether the request may go on.
        limit: Requests a minute.
        remaining: Whole requests left right now.
        reset: Seconds until the bucket is full again, rounded up.
        retry_after: Seconds after which one request will be granted, rounded up; 0 when one is left now.
    """

    granted: bool
    limit: int
    remaining: int
    reset: int
    retry_after: int


class Limiter:
    """Token buckets by name.

    Args:
        clock: Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

    def ask(self, name: str, per_minute: int) -> Allowance:
        """Take one token of `name` if there is one, and tell."""
        with self._lock:
            now = self._clock()
            tokens, since = self._buckets.get(name, (float(per_minute), now))
            rate = per_minute / 60
            # One part in 10^9 makes up for what adding fractions loses: who waited as told is served.
            tokens = min(float(per_minute), tokens + (now - since) * rate + 1e-9)
            granted = tokens >= 1
            if granted:
                tokens -= 1
            self._buckets[name] = (tokens, now)
        return Allowance(
            granted=granted,
            limit=per_minute,
            remaining=int(tokens),
            reset=math.ceil((per_minute - tokens) / rate),
            retry_after=0 if tokens >= 1 else math.ceil((1 - tokens) / rate),
        )
