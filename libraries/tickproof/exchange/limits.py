"""What the venue allows, and the counters that notice when somebody takes more.

Numbers from the Binance Spot API documentation ("WebSocket Streams": General WSS information and WebSocket
Limits; "REST API": Limits). Three are ours: how much a subscriber that does not read may leave with us,
which the venue does not publish; the notice before a shutdown, minutes there and a moment here; and a
request weight so generous that only a test that asks for a smaller one meets it. The venue's 300
connections in 5 minutes are not enforced: tests reconnect more often than that.
"""

from collections import deque
from dataclasses import dataclass

SECOND = 1_000_000_000

STREAMS_PER_CONNECTION = 1024
MESSAGES_PER_SECOND = 5
LIFE_NS = 24 * 3600 * SECOND
PING_EVERY_NS = 20 * SECOND
PONG_WITHIN_NS = 60 * SECOND

BACKLOG_BYTES = 64 * 1024 * 1024
"""A subscriber that leaves more than this unread is disconnected."""

SHUTDOWN_NOTICE_S = 0.5
WEIGHT_PER_MINUTE = 60_000


class MessageRate:
    """Incoming messages of one connection, over any window of one second."""

    def __init__(self, allowed: int = MESSAGES_PER_SECOND) -> None:
        self._latest: deque[int] = deque(maxlen=allowed)

    def exceeded(self, now_ns: int) -> bool:
        """Count one message; tell whether it is one too many within a second.

        >>> rate = MessageRate(allowed=2)
        >>> [rate.exceeded(at) for at in (0, 1, 2)]
        [False, False, True]
        """
        full = len(self._latest) == self._latest.maxlen
        if full and now_ns - self._latest[0] < SECOND:
            return True
        self._latest.append(now_ns)
        return False


class Weight:
    """Request weight used within the running minute, by everybody: all requests come from this machine."""

    def __init__(self, per_minute: int = WEIGHT_PER_MINUTE) -> None:
        self.per_minute = per_minute
        self._minute = 0
        self.used = 0

    def spend(self, weight: int, now_ns: int) -> bool:
        """Count a request; tell whether it is within the limit.

        >>> purse = Weight(per_minute=30)
        >>> purse.spend(25, 0), purse.spend(25, 1), purse.spend(25, 60 * SECOND)
        (True, False, True)
        """
        minute = now_ns // (60 * SECOND)
        if minute != self._minute:
            self._minute, self.used = minute, 0
        self.used += weight
        return self.used <= self.per_minute

    @staticmethod
    def seconds_left(now_ns: int) -> int:
        """Tell after how many whole seconds the next minute has begun."""
        return 60 - (now_ns // SECOND) % 60


@dataclass(slots=True)
class VenueClock:
    """How old connections are for the venue: `rate` times as fast as real time since it was last set."""

    rate: float = 1.0
    _since_ns: int = 0
    _then_ns: int = 0

    def at(self, now_ns: int) -> int:
        """Return the venue's time for a real time."""
        return self._then_ns + int((now_ns - self._since_ns) * self.rate)

    def set_rate(self, rate: float, now_ns: int) -> None:
        """Let the venue's time run `rate` times as fast from now on.

        >>> clock = VenueClock()
        >>> clock.set_rate(10, now_ns=100)
        >>> clock.at(105)
        150
        """
        self._then_ns, self._since_ns, self.rate = self.at(now_ns), now_ns, rate
