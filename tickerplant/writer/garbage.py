"""Files that our own commits made useless, deleted without looking for them.

A replaced manifest or data file is needed as long as a snapshot from before its replacement is kept; a manifest
list as long as its snapshot. After that, queries that found it a moment ago get a grace. What is queued here is
forgotten when the writer dies; the sweep finds it then.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable

from pyiceberg.io import FileIO


class Garbage:
    """Waits until nobody can need a file, then deletes it.

    Args:
        io: the table's files.
        grace: seconds between the last snapshot that knew a file, and its deletion.
        clock: seconds that only grow.
    """

    def __init__(self, io: FileIO, *, grace: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._io = io
        self._grace = grace
        self._clock = clock
        self._replaced: deque[tuple[int, tuple[str, ...]]] = deque()
        self._idle: deque[tuple[float, tuple[str, ...]]] = deque()
        self.deleted = 0

    def replaced(self, sequence_number: int, paths: Iterable[str]) -> None:
        """Take files that snapshots from `sequence_number` on do not refer to."""
        if paths := tuple(paths):
            self._replaced.append((sequence_number, paths))

    def expired(self, oldest_kept: int, paths: Iterable[str]) -> None:
        """Take files of snapshots that were expired; `oldest_kept` is the sequence number of the oldest left."""
        if paths := tuple(paths):
            self._idle.append((self._clock(), paths))
        while self._replaced and self._replaced[0][0] <= oldest_kept:
            self._idle.append((self._clock(), self._replaced.popleft()[1]))

    def delete(self) -> None:
        """Delete what is through its grace."""
        due = self._clock() - self._grace
        while self._idle and self._idle[0][0] <= due:
            for path in self._idle.popleft()[1]:
                try:
                    self._io.delete(path)
                except FileNotFoundError:
                    continue  # a sweep was faster
                self.deleted += 1
