"""What happens to each frame: parse, note the id, publish; or set aside. The hot path."""

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Protocol

from tickerplant.feed.counts import Counts
from tickerplant.feed.coverage import Coverage
from tickerplant.feed.parser import Notice
from tickerplant.feed.repair import Letters
from tickerplant.feed.trade import RefusedError, Trade

# Longer than two connections ever overlap.
OVERLAP_US = 10_000_000
MOST_REMEMBERED = 10_000


class Reads(Protocol):
    """Turns a frame's payload into a trade."""

    def parse(self, payload: bytes, received_us: int) -> Trade | Notice:
        """Return the trade, or raise RefusedError."""


class Publishes(Protocol):
    """Puts trades into Kafka."""

    def publish(self, trade: Trade) -> None:
        """Put one trade on its topic."""


class SetsAside(Letters, Protocol):
    """Keeps what cannot be taken."""


class Intake:
    """Takes the frames of all connections.

    Args:
        parser: Reads a frame.
        publisher: Takes the trades.
        dead_letters: Takes what is no trade.
        coverage: The ids known of each symbol; noted here.
        counts: Where frames are counted.
        on_hole: Told when ids of a symbol are missing.
    """

    def __init__(
        self,
        parser: Reads,
        publisher: Publishes,
        dead_letters: SetsAside,
        *,
        coverage: Mapping[str, Coverage],
        counts: Counts,
        on_hole: Callable[[str], None],
    ) -> None:
        self._parse = parser.parse
        self._publish = publisher.publish
        self._put_aside = dead_letters.put
        self._coverage = coverage
        self._counts = counts
        self._on_hole = on_hole
        # Connections and frames are counted from one again after each start.
        self._boot = time.time_ns() // 1000
        self._lately = _Lately()

    def take(self, payload: bytes, binary: bool, connection: int, frame: int, again: bool) -> Notice | None:  # noqa: FBT001 - the hot path
        """Take one frame; return what it says when it is no trade."""
        counts = self._counts
        counts.frames += 1
        counts.last_frame_us = now_us = time.time_ns() // 1000
        try:
            if binary:
                raise RefusedError("binary-frame")  # noqa: TRY301 - refused as any other
            trade = self._parse(payload, now_us)
        except RefusedError as refusal:
            self._refuse(
                payload, refusal.reason, now_us, f"connection:{connection}/frame:{frame}", again=again
            )
            return None
        if isinstance(trade, Notice):
            return trade
        coverage = self._coverage[trade.symbol]
        if trade.trade_id == coverage.next:
            coverage.next += 1
        else:
            if (
                again
                and coverage.next is not None
                and trade.trade_id < coverage.next
                and not coverage.misses(trade.trade_id)
            ):
                counts.overlapping += 1
                return None
            if coverage.see(trade.trade_id, time.monotonic()):
                self._on_hole(trade.symbol)
        self._publish(trade)
        return None

    def _refuse(self, payload: bytes, reason: str, now_us: int, place: str, *, again: bool) -> None:
        if not again:
            self._lately.note(payload, now_us)
        elif self._lately.forget(payload, now_us):
            self._counts.overlapping += 1
            return
        self._put_aside(payload, reason=reason, position=f"boot:{self._boot}/{place}", received_us=now_us)


class _Lately:
    """What was set aside a moment ago, so that the same frame of an overlapping connection is known again."""

    def __init__(self) -> None:
        self._order: deque[tuple[int, bytes]] = deque()
        self._times = Counter[bytes]()

    def note(self, payload: bytes, now_us: int) -> None:
        self._drop_old(now_us)
        mark = _mark(payload)
        self._order.append((now_us, mark))
        self._times[mark] += 1

    def forget(self, payload: bytes, now_us: int) -> bool:
        """Tell whether it was set aside; each time counts once."""
        self._drop_old(now_us)
        mark = _mark(payload)
        if self._times[mark] <= 0:
            return False
        self._times[mark] -= 1
        self._order.remove(next(entry for entry in self._order if entry[1] == mark))
        return True

    def _drop_old(self, now_us: int) -> None:
        while self._order and (
            now_us - self._order[0][0] > OVERLAP_US or len(self._order) >= MOST_REMEMBERED
        ):
            _, mark = self._order.popleft()
            self._times[mark] -= 1
            if not self._times[mark]:
                del self._times[mark]


def _mark(payload: bytes) -> bytes:
    return blake2b(payload, digest_size=16).digest()
