"""A cache of immutable things, bounded by their bytes; each is loaded once, also when many ask at once."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class ByteCache(Generic[Key, Value]):
    """Keeps what was used last.

    Args:
        capacity: Bytes that are kept at most; one value alone may be larger, and is then not kept.
        size: Returns the bytes of a value.
    """

    def __init__(self, capacity: int, size: Callable[[Value], int]) -> None:
        self._capacity = capacity
        self._size = size
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._loading: dict[Key, Future[Value]] = {}
        self.bytes = 0

    def get(self, key: Key, load: Callable[[], Value]) -> Value:
        """Return the value of `key`, loaded when it is not here; an error of `load` reaches all who wait."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
            waiting = self._loading.get(key)
            if waiting is None:
                mine: Future[Value] = Future()
                self._loading[key] = mine
        if waiting is not None:
            return waiting.result()
        try:
            value = load()
        except BaseException as error:
            with self._lock:
                del self._loading[key]
            mine.set_exception(error)
            raise
        with self._lock:
            del self._loading[key]
            self._keep(key, value)
        mine.set_result(value)
        return value

    def _keep(self, key: Key, value: Value) -> None:
        size = self._size(value)
        if size > self._capacity:
            return
        self._kept[key] = (value, size)
        self.bytes += size
        while self.bytes > self._capacity:
            _, (_, freed) = self._kept.popitem(last=False)
            self.bytes -= freed
