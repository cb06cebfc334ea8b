"""One plan on its way: how far it is, and when each of its frames was due, handed over and gone."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from tickproof.exchange import actions
from tickproof.exchange.marks import Marks, Numbers
from tickproof.exchange.script import Script


class State(StrEnum):
    """How far a play is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Extra:
    """A frame of garbage ahead of a row."""

    position: int
    kind: str


class Play:
    """A plan being sent, or sent.

    Attributes:
        state: whether it is running, done or failed.
        sent: how many rows were dealt with.
        due: when each position is due, in ns since the epoch; known from `begin` on.
        started_ns: when position 0 counts from.
        ended_ns: when it was over.
        reason: why it failed, or what is odd about its end.
        late_p99_ns: how late the latest 1 % of the frames were handed over, our own delay; known at the end.
        real_time: whether the system gave it real-time scheduling.
    """

    def __init__(self, play_id: str, script: Script) -> None:
        self.id = play_id
        self.script = script
        self.marks = Marks(script.size)
        self.extras = tuple(
            Extra(position, step.kind)
            for position, steps in sorted(script.steps.items())
            for step in steps
            if isinstance(step, actions.Garbage)
        )
        self.extra_marks = Marks(len(self.extras))
        self.state = State.RUNNING
        self.sent = 0
        self.due: Numbers | None = None
        self.started_ns: int | None = None
        self.ended_ns: int | None = None
        self.reason: str | None = None
        self.late_p99_ns: int | None = None
        self.real_time = False

    def begin(self, at_ns: int) -> None:
        """Say when offset 0 is."""
        self.due = self.script.offsets + at_ns
        self.started_ns = at_ns

    def end(self, at_ns: int, reason: str | None = None, *, failed: bool = False) -> None:
        """Say that nothing more is sent."""
        self.ended_ns = at_ns
        self.reason = reason
        self.late_p99_ns = self._late_p99_ns()
        self.state = State.FAILED if failed else State.DONE

    def hold(self, until_ns: int) -> None:
        """Make everything that was not sent yet due at this time, if it was due before."""
        if self.due is not None:
            rest = slice(self.sent, None)
            self.due[rest] = np.maximum(self.due[rest], until_ns)

    def _late_p99_ns(self) -> int | None:
        handed = self.marks.handed
        sent = handed > 0
        if self.due is None or not sent.any():
            return None
        return int(np.quantile((handed - self.due)[sent], 0.99))

    def progress(self) -> dict[str, object]:
        """Return how far it is."""
        return {
            "play": self.id,
            "state": self.state,
            "total": self.script.size,
            "sent": self.sent,
            "started_ns": self.started_ns,
            "ended_ns": self.ended_ns,
            "late_p99_ns": self.late_p99_ns,
            "real_time": self.real_time,
            "reason": self.reason,
        }
