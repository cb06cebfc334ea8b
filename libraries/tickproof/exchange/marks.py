"""When each frame was handed over and gone, kept as plain arrays while a play runs."""

import threading

import numpy as np
import numpy.typing as npt

Rows = slice | npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int64]


class Marks:
    """Stamps of a numbered lot of frames; written by the pacing thread and by the one that clears backlogs.

    Attributes:
        handed: when a frame was first handed to a connection, in ns; 0 while it was not.
        gone: when it last left our buffer for the system's, in ns; 0 while it did not.
        copies: how often it left, over all connections.
    """

    def __init__(self, size: int) -> None:
        self.handed: Numbers = np.zeros(size, np.int64)
        self.gone: Numbers = np.zeros(size, np.int64)
        self.copies: npt.NDArray[np.int32] = np.zeros(size, np.int32)
        self._lock = threading.Lock()

    def hand(self, rows: Rows, now_ns: int) -> None:
        """Note that frames were handed to a connection, unless they were before."""
        with self._lock:
            before = self.handed[rows]
            self.handed[rows] = np.where(before == 0, now_ns, before)

    def go(self, rows: Rows, now_ns: int) -> None:
        """Note that frames left our buffer once more."""
        with self._lock:
            self.gone[rows] = now_ns
            self.copies[rows] += 1


class Parcel:
    """Frames on their way through one connection's buffer: tells their marks when each has left."""

    __slots__ = ("_ends", "_left", "_marks", "_rows", "_sent")

    def __init__(self, marks: Marks, rows: Rows, ends: Numbers) -> None:
        """Hold frames.

        Args:
            marks: where to note.
            rows: which frames, by their numbers in `marks`.
            ends: behind which byte of the parcel each frame ends.
        """
        self._marks = marks
        self._rows = rows
        self._ends = ends
        self._sent = 0
        self._left = 0

    def whole(self) -> None:
        """Say that all frames end with the last byte: encryption hides where each does."""
        self._ends = np.full(len(self._ends), np.iinfo(np.int64).max)

    def leave(self, size: int, now_ns: int, *, last: bool) -> None:
        """Note that `size` more bytes have left; `last` if that was all of them."""
        self._sent += size
        left = len(self._ends) if last else int(np.searchsorted(self._ends, self._sent, side="right"))
        if left > self._left:
            self._marks.go(self._part(self._left, left), now_ns)
            self._left = left

    def _part(self, first: int, behind: int) -> Rows:
        if isinstance(self._rows, slice):
            return slice(self._rows.start + first, self._rows.start + behind)
        return self._rows[first:behind]
