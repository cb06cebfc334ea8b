"""What happened at the exchange, numbered from 1 on; the oldest are forgotten."""

import threading
from collections import deque

from tickproof.clock import now_ns

KEPT = 20_000


class EventLog:
    """Events since the start, the latest `KEPT` of them. Appending is safe from any thread."""

    def __init__(self) -> None:
        self._events: deque[dict[str, object]] = deque(maxlen=KEPT)
        self._count = 0
        self._lock = threading.Lock()

    def add(self, what: str, **details: object) -> None:
        """Note an event; details that are None are left out."""
        known = {name: value for name, value in details.items() if value is not None}
        with self._lock:
            self._count += 1
            self._events.append({"n": self._count, "at_ns": now_ns(), "what": what} | known)

    def since(self, number: int) -> list[dict[str, object]]:
        """Return the events with a number above this one."""
        with self._lock:
            newer = min(self._count - number, len(self._events))
            return list(self._events)[-newer:] if newer > 0 else []
