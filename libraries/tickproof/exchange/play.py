"""One plan on its way: how far it is, and the ledger of what became of each frame."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tickproof.exchange import actions
from tickproof.exchange.marks import Marks, Numbers
from tickproof.exchange.script import Script
from tickproof.ledger import schemas


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

    def ledger(self) -> pa.Table:
        """Return what was sent, in wire order (schema `ledger.schemas.SENT`)."""
        script, marks = self.script, self.marks
        rows = script.rows
        due = self.due if self.due is not None else script.offsets
        kinds = _kinds(script)
        table = schemas.as_table(
            schemas.SENT,
            _trade_columns(rows)
            | {
                "plan_index": script.plan_index,
                "due_ns": due,
                "handed_ns": _known(marks.handed),
                "gone_ns": _known(marks.gone),
                "copies": marks.copies,
                "repairable": ~script.unknown,
                "expect": np.where(script.muted & script.unknown, schemas.ABSENT, schemas.STORED),
                "kind": kinds,
            },
        )
        went = [number for number, extra in enumerate(self.extras) if self.extra_marks.copies[number]]
        if not went:
            return table
        places = np.array([self.extras[number].position for number in went])
        order = np.argsort(np.concatenate([np.arange(script.size) * 2 + 1, places * 2]), kind="stable")
        return pa.concat_tables([table, self._garbage(went, places, due)]).take(order)

    def _garbage(self, went: list[int], places: Numbers, due: Numbers) -> pa.Table:
        marks = self.extra_marks
        return schemas.as_table(
            schemas.SENT,
            _trade_columns(self.script.rows.take(places))
            | {
                "plan_index": self.script.plan_index[places],
                "due_ns": due[places],
                "handed_ns": _known(marks.handed[went]),
                "gone_ns": _known(marks.gone[went]),
                "copies": marks.copies[went],
                "repairable": np.zeros(len(went), bool),
                "expect": [schemas.QUARANTINED] * len(went),
                "kind": [self.extras[number].kind for number in went],
            },
        )


def _trade_columns(rows: pa.Table) -> dict[str, object]:
    return {
        "symbol": rows["symbol"],
        "trade_id": rows["trade_id"],
        "price": pc.cast(rows["price_text"], schemas.DECIMAL),
        "quantity": pc.cast(rows["quantity_text"], schemas.DECIMAL),
        "event_time": pc.cast(rows["event_time_ns"], schemas.EVENT_TIME),
        "side": pc.if_else(rows["buyer_is_maker"], "sell", "buy"),
        "price_text": rows["price_text"],
        "quantity_text": rows["quantity_text"],
        "venue_time_ns": rows["venue_time_ns"],
    }


def _kinds(script: Script) -> pa.Array:
    kinds = script.rows["kind"].combine_chunks()
    if not script.replaced:
        return kinds
    changed = np.zeros(script.size, bool)
    changed[list(script.replaced)] = True
    names = [script.replaced[position] for position in sorted(script.replaced)]
    return pc.replace_with_mask(kinds, changed, pa.array(names, pa.string()))


def _known(stamps: npt.NDArray[np.int64]) -> pa.Array:
    return pa.array(stamps, pa.int64(), mask=stamps == 0)
