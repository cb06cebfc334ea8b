"""Tells a consumer that is stuck from one that has nothing to read."""

from collections.abc import Callable, Iterable, Mapping

_QUIET_SECONDS = 1.0
_STUCK_SECONDS = 4.0


class StallWatch:
    """Notes when messages came from each partition, and finds those from which none come though some wait.

    librdkafka now and then stops to fetch after its broker was away for a moment, with no word and for good
    (https://github.com/confluentinc/librdkafka/issues/5153 and 5301). What it knows of the ends of the partitions
    stands still then, too: they have to be asked for.

    A partition is stuck when one look after the other finds that messages wait behind the same position.

    Args:
        clock: seconds that only grow.
        quiet: seconds without a message after which a partition is to be looked at.
        stuck: seconds from the first such look to the one that ends all patience.
    """

    def __init__(
        self, clock: Callable[[], float], *, quiet: float = _QUIET_SECONDS, stuck: float = _STUCK_SECONDS
    ) -> None:
        self._clock = clock
        self._quiet = quiet
        self._patience = stuck
        self._since: dict[int, float] = {}
        self._suspected: dict[int, float] = {}
        self.stuck: dict[int, int] = {}
        """Partition -> messages that wait there, as of the last look."""

    def heard(self, partitions: Iterable[int]) -> None:
        """Note that messages came, or that reading began."""
        now = self._clock()
        for number in partitions:
            self._since[number] = now
            self._suspected.pop(number, None)
            self.stuck.pop(number, None)

    def begun(self, partitions: Iterable[int]) -> None:
        """Note that reading began anew; what was stuck stays so until messages come."""
        self._since = dict.fromkeys(partitions, self._clock())
        self._suspected.clear()

    def quiet(self) -> list[int]:
        """Return the partitions whose ends are to be asked for now."""
        before = self._clock() - self._quiet
        return [number for number, since in self._since.items() if since <= before]

    def put_off(self, partitions: Iterable[int]) -> None:
        """Note that they are looked at now, and need not be for another quiet time."""
        self._since.update(dict.fromkeys(partitions, self._clock()))

    def looked(self, bounds: Mapping[int, tuple[int, int]]) -> bool:
        """Take what the broker told; return whether any partition is stuck.

        Args:
            bounds: of each quiet partition, the offset that is to be read next and the one behind its last message.
        """
        found, now = False, self._clock()
        for number, (position, end) in bounds.items():
            if end <= position:
                self.heard([number])
            elif now - self._suspected.setdefault(number, now) >= self._patience:
                self.stuck[number] = end - position
                found = True
        return found
