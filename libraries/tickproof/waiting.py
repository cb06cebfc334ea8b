"""The one poller: a budget, reasons to give up early, and the last observation in the message."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class Pace(Protocol):
    """How a wait reads the time and lets it pass; tests put their own in."""

    def now(self) -> float:
        """Return seconds on a clock that never steps."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""


class RealPace:
    """The real clock."""

    now = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)


class WaitError(AssertionError):
    """What was waited for did not come; the message says what was seen last and how it moved."""

    ROBOT_SUPPRESS_NAME = True  # Robot shows the message alone


def patiently(
    observe: Callable[[], T],
    *,
    until: Callable[[T], bool],
    within: timedelta,
    every: timedelta = timedelta(milliseconds=100),
    what: str,
    describe: Callable[[T], str] = str,
    stop_if: Callable[[], str | None] | None = None,
    progress: Callable[[T], float] | None = None,
    stalled_after: timedelta | None = None,
    tolerate: tuple[type[Exception], ...] = (),
    pace: Pace | None = None,
) -> T:
    """Look again and again until what is seen is right.

    It always looks at least once, and once more when the budget ends.

    Args:
        observe: Looks once.
        until: Tells whether an observation is what was waited for.
        within: The budget.
        every: The pause between two looks.
        what: What should be true, as the beginning of a sentence: ``every trade should be in the lake``.
        describe: Says an observation in words: ``19,990 of 20,000 trades``.
        stop_if: Returns a reason to give up at once (``feed died with exit code 1``), or None.
        progress: A figure that moves while things go forward, such as a count.
        stalled_after: Give up when the figure did not move for so long.
        tolerate: Exceptions of ``observe`` that mean "not yet", such as a service that is being restarted.
        pace: The clock; tests give one that needs no time.

    Returns:
        The observation that was right.

    Raises:
        WaitError: The budget was spent, progress stopped, or ``stop_if`` gave a reason.
        ValueError: The budget or pause is not positive, or ``stalled_after`` has no ``progress``.

    Example:
        >>> from datetime import timedelta
        >>> counts = iter([1, 2, 3])
        >>> patiently(lambda: next(counts), until=lambda n: n == 3, within=timedelta(seconds=9),
        ...           every=timedelta(milliseconds=1), what="three things should be here")
        3
    """
    if within <= timedelta(0) or every <= timedelta(0):
        raise ValueError(f"A wait needs a budget and a pause above zero, not {within} and {every}.")
    if stalled_after is not None and progress is None:
        raise ValueError("A wait that gives up when progress stops needs to be told what progress is.")
    pace = pace or RealPace()
    watch = _Watch(pace.now(), describe, progress)
    deadline = watch.began + within.total_seconds()
    while True:
        looked_at = pace.now()
        try:
            seen = observe()
        except tolerate as error:
            watch.note_error(error)
        else:
            watch.note(seen, pace.now())
            if until(seen):
                return seen
        now = pace.now()
        if stop_if is not None and (reason := stop_if()):
            raise WaitError(watch.message(what, within, reason, now))
        if stalled_after is not None and now - watch.moved_at >= stalled_after.total_seconds():
            raise WaitError(watch.message(what, within, f"nothing moved for {said(stalled_after)}", now))
        if looked_at >= deadline:
            raise WaitError(watch.message(what, within, None, now))
        pace.sleep(min(every.total_seconds(), max(deadline - now, 0.0)))


class _Watch(Generic[T]):
    """What a wait saw so far."""

    def __init__(
        self, began: float, describe: Callable[[T], str], progress: Callable[[T], float] | None
    ) -> None:
        self.began = began
        self.moved_at = began
        self._describe = describe
        self._progress = progress
        self._tries = 0
        self._first: float | None = None
        self._last: float | None = None
        self._seen = "nothing"

    def note(self, seen: T, now: float) -> None:
        self._tries += 1
        self._seen = self._describe(seen)
        if self._progress is None:
            return
        figure = self._progress(seen)
        if self._first is None:
            self._first = figure
        elif figure != self._last:
            self.moved_at = now
        self._last = figure

    def note_error(self, error: Exception) -> None:
        self._tries += 1
        self._seen = str(error).rstrip(".")

    def message(self, what: str, within: timedelta, reason: str | None, now: float) -> str:
        took = timedelta(seconds=now - self.began)
        why = reason or "that did not happen"
        tries = "Looked once" if self._tries == 1 else f"Looked {self._tries:,} times"
        return "\n".join(
            [
                f"{what} within {said(within)}, but {why}.",
                f"Last seen: {self._seen}.",
                f"{tries} in {said(took)}{self._trend(now)}.",
            ]
        )

    def _trend(self, now: float) -> str:
        if self._first is None or self._last is None:
            return ""
        if self._first == self._last and self.moved_at == self.began:
            return f"; the figure stayed at {self._last:,.10g}"
        still = said(timedelta(seconds=now - self.moved_at))
        return f"; the figure went from {self._first:,.10g} to {self._last:,.10g} and last moved {still} ago"


def said(span: timedelta) -> str:
    """Say a time span as people do: ``250 ms``, ``1.5 s``, ``30 s``, ``5 min``."""
    seconds = span.total_seconds()
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 119.95:
        return f"{round(seconds, 1):g} s"
    return f"{round(seconds / 60, 1):g} min"
