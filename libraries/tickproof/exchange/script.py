"""A plan made ready to be sent: wire order, due times, and what goes wrong where."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tickproof.exchange import actions, garbage
from tickproof.exchange.marks import Numbers

Flags = npt.NDArray[np.bool_]

ENDINGS = actions.HalfFrame | actions.Oversize | actions.ProtocolError


@dataclass(frozen=True, slots=True)
class Echo:
    """Frames that were sent before and come once more.

    Attributes:
        position: whose frame.
        count: how often.
    """

    position: int
    count: int


@dataclass(frozen=True, slots=True)
class Script:
    """What the pacing thread follows. Positions count the rows in the order in which they go on the wire.

    Attributes:
        rows: the plan's rows in wire order.
        plan_index: which row of the plan stands at each position.
        offsets: when each position is due, in ns from the start; ascending.
        codes: which of `symbols` each position is of.
        symbols: the plan's symbols.
        muted: positions that are not sent live.
        unknown: positions that REST does not know.
        replaced: positions whose frame is garbage of this kind.
        steps: what happens at a position, before it is sent.
        again: how many more times the frame at a position is sent, right behind itself.
    """

    rows: pa.Table
    plan_index: Numbers
    offsets: Numbers
    codes: npt.NDArray[np.int32]
    symbols: tuple[str, ...]
    muted: Flags
    unknown: Flags
    replaced: dict[int, str] = field(default_factory=dict)
    steps: dict[int, list[actions.Action | Echo]] = field(default_factory=dict)
    again: dict[int, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many rows there are."""
        return len(self.plan_index)

    def breaks(self) -> list[int]:
        """Return the positions before which something else happens than sending."""
        return sorted({*self.steps, *(position + 1 for position in self.again)})

    @property
    def at_once(self) -> bool:
        """Tell whether all is due at the start: then the pace is what the subscribers take."""
        return self.size == 0 or int(self.offsets[-1]) == 0


def compile_plan(table: pa.Table, deeds: Iterable[actions.Action]) -> Script:
    """Make a plan ready.

    Args:
        table: schema `plan.SCHEMA`, checked.
        deeds: what goes wrong, sorted by position.

    Raises:
        ValueError: An action lies outside the plan.
    """
    size = table.num_rows
    deeds = tuple(deeds)
    for deed in deeds:
        _check(deed, size)
    order = np.arange(size)
    for deed in deeds:
        if isinstance(deed, actions.Swap):
            order[[deed.at, deed.at + deed.by]] = order[[deed.at + deed.by, deed.at]]
    swapped = any(isinstance(deed, actions.Swap) for deed in deeds)
    rows = table.take(order) if swapped else table
    coded = rows["symbol"].combine_chunks().dictionary_encode()
    script = Script(
        rows=rows,
        plan_index=order,
        offsets=_due(table["send_offset_ns"].to_numpy(), deeds),
        codes=coded.indices.to_numpy(),
        symbols=tuple(coded.dictionary.to_pylist()),
        muted=np.zeros(size, bool),
        unknown=np.zeros(size, bool),
    )
    place = np.empty(size, np.int64)
    place[order] = np.arange(size)
    for deed in deeds:
        _enter(script, deed, place)
    return script


def _due(offsets: Numbers, deeds: tuple[actions.Action, ...]) -> Numbers:
    """Return due times in wire order: what falls due during a stall is due at its end."""
    due = np.array(offsets, dtype=np.int64)
    for deed in deeds:
        if isinstance(deed, actions.Stall):
            end = due[deed.at] + int(deed.seconds * 1e9)
            due[deed.at :] = np.maximum(due[deed.at :], end)
    return due


def _enter(script: Script, deed: actions.Action, place: Numbers) -> None:
    match deed:
        case actions.Swap() | actions.Stall():
            return
        case actions.Skip(at=at, count=count, rest_knows=rest_knows):
            positions = place[at : at + count]
            script.muted[positions] = True
            script.unknown[positions] = not rest_knows
        case actions.Repeat(at=at, count=count, later=later) if later:
            script.steps.setdefault(int(place[at + later]), []).append(Echo(int(place[at]), count))
        case actions.Repeat(at=at, count=count):
            script.again[int(place[at])] = count
        case actions.Garbage(at=at, kind=kind) if garbage.KINDS[kind].treatment is garbage.Treatment.ACCEPT:
            script.replaced[int(place[at])] = kind
        case _:
            position = int(place[deed.at])
            if isinstance(deed, ENDINGS):
                script.muted[position] = True
            script.steps.setdefault(position, []).append(deed)


def _check(deed: actions.Action, size: int) -> None:
    if deed.last >= size:
        raise ValueError(
            f"action {deed.do} at row {deed.at} reaches row {deed.last}, but the plan's last is {size - 1}."
        )
