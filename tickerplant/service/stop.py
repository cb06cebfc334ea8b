"""One wish to end, shared by all threads and loops of a service; SIGTERM and SIGINT express it."""

import signal
import threading
from collections.abc import Callable
from types import FrameType


class Stop:
    """Set once, by a signal or by the service itself; never cleared."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._callbacks: list[Callable[[], object]] = []

    def listen(self) -> None:
        """Take SIGTERM and SIGINT as the wish to end. Only the main thread may call this."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.set()

    def set(self) -> None:
        """Ask the service to end; callbacks run at the first call only."""
        if self._event.is_set():
            return
        self._event.set()
        for callback in self._callbacks:
            callback()

    def is_set(self) -> bool:
        """Tell whether the service was asked to end."""
        return self._event.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the service is asked to end, at most `seconds`; tell whether it was."""
        return self._event.wait(seconds)

    def call(self, callback: Callable[[], object]) -> None:
        """Have `callback` called when the end is asked for; at once if it was already.

        It runs inside a signal handler: keep it as small as `loop.call_soon_threadsafe(...)`.
        """
        self._callbacks.append(callback)
        if self._event.is_set():
            callback()
