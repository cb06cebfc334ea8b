"""Which trade ids of a symbol have been taken care of, and which are missing.

The venue numbers the trades of a symbol without a gap, so an id that never came is a trade that was lost on the way.
"""

from bisect import bisect_left
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Hole:
    """Ids that were not seen: `first` to `last`, both included; `since` is when the first of them was missed."""

    first: int
    last: int
    since: float


@dataclass(slots=True)
class Coverage:
    """What is known of one symbol's ids.

    Args:
        next: The id behind the highest one known; None until anything is known.
        holes: What is missing below `next`, ascending.
        floor: The lowest id that this feed answers for.
        was_empty: Whether the venue is known to have had no trade at all when the feed first looked. All ids from
            the venue's first on are then ours, also those from before our first sight of the symbol.
    """

    next: int | None = None
    holes: list[Hole] = field(default_factory=list)
    floor: int | None = None
    was_empty: bool = False

    def see(self, trade_id: int, now: float) -> bool:
        """Take note of an id; tell whether ids before it are now known to be missing."""
        if self.next is None:
            self.floor, self.next = trade_id, trade_id + 1
            return False
        if trade_id < self.next:
            self.fill(trade_id, trade_id)
            return False
        missed = trade_id > self.next
        if missed:
            self.holes.append(Hole(self.next, trade_id - 1, now))
        self.next = trade_id + 1
        return missed

    def start_at(self, trade_id: int) -> None:
        """Answer for ids from this one on; without effect when something is known already."""
        if self.next is None:
            self.floor = self.next = trade_id

    def check(self, first: int, last: int, now: float) -> bool:
        """Compare with the venue's own first and last id (-1: no trades); tell whether something is missing."""
        if last < 0:
            self.was_empty = self.was_empty or self.next is None
            return False
        if self.next is None:
            if not self.was_empty:
                self.start_at(last + 1)
                return False
            self.start_at(first)
        found = False
        if self.was_empty and self.floor is not None and first < self.floor:
            self.holes.insert(0, Hole(first, self.floor - 1, now))
            self.floor = first
            found = True
        if self.next is not None and last >= self.next:
            self.holes.append(Hole(self.next, last, now))
            self.next = last + 1
            found = True
        return found

    def fill(self, first: int, last: int) -> None:
        """Take ids as done, wherever they come from."""
        holes = self.holes
        start = end = self._behind(first)
        left = []
        while end < len(holes) and holes[end].first <= last:
            hole = holes[end]
            if hole.first < first:
                left.append(Hole(hole.first, first - 1, hole.since))
            if last < hole.last:
                left.append(Hole(last + 1, hole.last, hole.since))
            end += 1
        if end > start:
            holes[start:end] = left

    def misses(self, trade_id: int) -> bool:
        """Tell whether this very id is missing."""
        at = self._behind(trade_id)
        return at < len(self.holes) and self.holes[at].first <= trade_id

    def missing_from(self, trade_id: int) -> int | None:
        """Return the first missing id that is not below the given one; None when nothing is missing there."""
        at = self._behind(trade_id)
        return max(trade_id, self.holes[at].first) if at < len(self.holes) else None

    def _behind(self, trade_id: int) -> int:
        """Return the place of the first hole that does not end before an id."""
        return bisect_left(self.holes, trade_id, key=_last)


def _last(hole: Hole) -> int:
    return hole.last
