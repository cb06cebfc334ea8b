"""Whether the trades of quiet symbols come in time while a busy one has nearly all of the flow."""

from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from tickproof.clock import now_ns
from tickproof.observing import hops_of, look_at
from tickproof.scenes import Key, Scene
from tickproof.session import Session

FROM, TO = 0.3, 0.8
"""The part of the flow whose quiet trades count: by then a queue has had time to back up, and the flow goes on."""


@dataclass(frozen=True)
class Late:
    """A trade that a hop did not show in time."""

    key: Key
    hop: str
    seconds: float


@dataclass(frozen=True)
class Standing:
    """How the quiet trades stand at one look.

    Attributes:
        watched: How many count in all.
        coming: How many of them were not sent yet.
        waiting: How many were sent, but a hop does not show them yet.
        late: Those that a hop did not show although their time was up when the look began.
    """

    watched: int
    coming: int
    waiting: int
    late: tuple[Late, ...]

    @property
    def is_over(self) -> bool:
        """Whether nothing more can be learned."""
        return bool(self.late) or not (self.coming or self.waiting)


class Fairness:
    """Looks at the quiet symbols of a flow.

    A trade counts as late only if a look that began after its time was up did not show it: a slow look is no fault of
    the platform.

    Args:
        run: The session.
        scene: Whose flow; its first symbol is the busy one.
        within: How long a quiet trade may take from its sending to each hop.
    """

    def __init__(self, run: Session, scene: Scene, within: timedelta) -> None:
        self._sending = scene.flow()
        self._quiet = pa.array([leased.symbol for leased in scene.symbols[1:]])
        first = {symbol: scene.first_ids[symbol] for symbol in self._quiet.to_pylist()}
        self._looks = {hop: look_at(run, scene, hop, first) for hop in hops_of(run)}
        self._within_ns = within / timedelta(microseconds=1) * 1_000

    def look(self) -> Standing:
        """Look once at every hop."""
        watched = self._watched()
        handed = {key: at for key, at in watched.items() if at is not None}
        waiting: set[Key] = set()
        late: list[Late] = []
        for hop, look in self._looks.items():
            began = now_ns()
            there = set(_keys(look()))
            for key in handed.keys() - there:
                waiting.add(key)
                if began - handed[key] > self._within_ns:
                    late.append(Late(key, hop, (began - handed[key]) / 1e9))
        return Standing(len(watched), len(watched) - len(handed), len(waiting), tuple(late))

    def _watched(self) -> dict[Key, int | None]:
        """Return the quiet trades that count, and when each was handed over."""
        sent = self._sending.ledger()
        first, last = pc.min(sent["due_ns"]).as_py(), pc.max(sent["due_ns"]).as_py()
        begin, end = (first + int((last - first) * share) for share in (FROM, TO))
        due = pc.and_(pc.greater_equal(sent["due_ns"], begin), pc.less_equal(sent["due_ns"], end))
        mine = sent.filter(pc.and_(due, pc.is_in(sent["symbol"], self._quiet)))
        return dict(zip(_keys(mine), mine["handed_ns"].to_pylist(), strict=True))


def _keys(rows: pa.Table) -> list[Key]:
    return list(zip(rows["symbol"].to_pylist(), rows["trade_id"].to_pylist(), strict=True))
