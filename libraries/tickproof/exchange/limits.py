"""What the venue allows, and the counters that notice when somebody takes more.

Numbers from the Binance Spot API documentation ("WebSocket Streams": General WSS information and WebSocket
Limits; "REST API": Limits, and what `exchangeInfo` answered in 2026). Three are ours: how much a subscriber
that does not read may leave with us, and how many requests behind a 429 bring a ban, neither of which the
venue publishes; and the notice before a shutdown, minutes there and a moment here. The venue's 300
connections in 5 minutes are not enforced: tests reconnect more often than that.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum

SECOND = 1_000_000_000

STREAMS_PER_CONNECTION = 1024
MESSAGES_PER_SECOND = 5
LIFE_NS = 24 * 3600 * SECOND
PING_EVERY_NS = 20 * SECOND
PONG_WITHIN_NS = 60 * SECOND

BACKLOG_BYTES = 64 * 1024 * 1024
"""A subscriber that leaves more than this unread is disconnected."""

SHUTDOWN_NOTICE_S = 0.5
WEIGHT_PER_MINUTE = 6_000
RAW_REQUESTS_PER_5_MINUTES = 300_000

REFUSALS_BEFORE_BAN = 50
"""Requests that still get a 429 within the minute; a client that had several under way is no offender."""

FIRST_BAN_NS = 120 * SECOND
LONGEST_BAN_NS = 3 * 24 * 3600 * SECOND


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


class Verdict(Enum):
    """What a request to REST meets."""

    WITHIN = 200
    TOO_MUCH = 429
    BANNED = 418


class Weight:
    """Request weight used within the running minute, by everybody: all requests come from this machine.

    Who goes on after a 429 is banned, as on the venue for two minutes at first and twice as long each time
    again, up to three days.
    """

    def __init__(self, per_minute: int = WEIGHT_PER_MINUTE) -> None:
        self.allow(per_minute)

    def allow(self, per_minute: int) -> None:
        """Begin anew with another limit; bans are lifted."""
        self.per_minute = per_minute
        self._minute = self._five_minutes = 0
        self.used = self.requests = 0
        self._refused = self._bans = 0
        self.banned_until_ns = 0

    def spend(self, weight: int, now_ns: int) -> Verdict:
        """Count a request, and tell what it meets.

        >>> purse = Weight(per_minute=30)
        >>> [purse.spend(25, at).name for at in (0, 1, 60 * SECOND)]
        ['WITHIN', 'TOO_MUCH', 'WITHIN']
        """
        if now_ns < self.banned_until_ns:
            return Verdict.BANNED
        minute = now_ns // (60 * SECOND)
        if minute != self._minute:
            self._minute, self.used, self._refused = minute, 0, 0
        if minute // 5 != self._five_minutes:
            self._five_minutes, self.requests = minute // 5, 0
        self.used += weight
        self.requests += 1
        if self.used <= self.per_minute and self.requests <= RAW_REQUESTS_PER_5_MINUTES:
            return Verdict.WITHIN
        self._refused += 1
        if self._refused <= REFUSALS_BEFORE_BAN:
            return Verdict.TOO_MUCH
        self.banned_until_ns = now_ns + min(FIRST_BAN_NS << self._bans, LONGEST_BAN_NS)
        self._bans, self._refused = self._bans + 1, 0
        return Verdict.BANNED

    def seconds_left(self, now_ns: int) -> int:
        """Tell after how many whole seconds requests are answered again: the next minute, or a ban's end."""
        if now_ns < self.banned_until_ns:
            return -(-(self.banned_until_ns - now_ns) // SECOND)
        if self.requests > RAW_REQUESTS_PER_5_MINUTES:
            return 300 - (now_ns // SECOND) % 300
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
