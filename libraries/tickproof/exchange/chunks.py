"""Prebuilt frames, a few thousand rows at a time, cut to what each kind of subscriber wants."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickproof.exchange import frames, garbage
from tickproof.exchange.frames import TimeUnit, Wire
from tickproof.exchange.marks import Numbers, Rows
from tickproof.exchange.script import Flags, Script

SIZE = 8192


@dataclass(frozen=True, slots=True)
class Wish:
    """What a subscriber wants: how frames look, and of which symbols (a flag a symbol of the script)."""

    combined: bool
    unit: TimeUnit
    symbols: bytes


@dataclass(frozen=True, slots=True)
class View:
    """The frames of one chunk that one kind of subscriber wants.

    Attributes:
        wire: the frames.
        rows: positions of the frames within the chunk, or None if it is all of them.
        before: how many frames come before each position of the chunk, one longer than the chunk; None if
            all are wanted.
    """

    wire: Wire
    rows: Numbers | None
    before: Numbers | None

    def span(self, first: int, behind: int) -> tuple[int, int]:
        """Return which frames belong to a range of positions."""
        if self.before is None:
            return first, behind
        return int(self.before[first]), int(self.before[behind])

    def marks(self, start: int, first: int, behind: int) -> Rows:
        """Return where a range of frames stands in the script; `start` is where the chunk begins."""
        if self.rows is None:
            return slice(start + first, start + behind)
        return self.rows[first:behind] + start


class Chunk:
    """Some rows of a script."""

    def __init__(self, script: Script, start: int, size: int) -> None:
        self.start = start
        self.size = size
        self._script = script
        self._views: dict[Wish, View] = {}

    def view(self, wish: Wish) -> View:
        """Return the frames for a kind of subscriber; built when first asked for."""
        known = self._views.get(wish)
        if known is None:
            known = self._views[wish] = self._build(wish)
        return known

    def _build(self, wish: Wish) -> View:
        span = slice(self.start, self.start + self.size)
        wanted = np.frombuffer(wish.symbols, dtype=bool)[self._script.codes[span]]
        wanted &= ~self._script.muted[span]
        if wanted.all():
            return View(frames.framed(self._payloads(wish, np.arange(self.size))), None, None)
        rows = np.flatnonzero(wanted)
        before = np.concatenate([[0], np.cumsum(wanted)]).astype(np.int64)
        return View(frames.framed(self._payloads(wish, rows)), rows, before)

    def _payloads(self, wish: Wish, rows: Numbers) -> pa.LargeStringArray:
        table = self._script.rows.slice(self.start, self.size)
        if len(rows) < self.size:
            table = table.take(rows)
        texts = frames.payloads(table, combined=wish.combined, unit=wish.unit)
        kinds = {
            int(np.searchsorted(rows, position - self.start)): kind
            for position, kind in self._script.replaced.items()
            if np.isin(position - self.start, rows)
        }
        if not kinds:
            return texts
        changed = np.zeros(len(rows), bool)
        changed[list(kinds)] = True
        instead = [
            garbage.payload(kind, row_of(table, number), combined=wish.combined, unit=wish.unit).decode()
            for number, kind in kinds.items()
        ]
        return pc.replace_with_mask(texts, changed, pa.array(instead, pa.large_string()))


def row_of(table: pa.Table, number: int) -> frames.TradeRow:
    """Return one row as Python values."""
    row: frames.TradeRow = table.slice(number, 1).to_pylist()[0]
    return row


def cut(script: Script, size: int = SIZE) -> Iterator[Chunk]:
    """Yield a script in chunks."""
    for start in range(0, script.size, size):
        yield Chunk(script, start, min(size, script.size - start))


def wish(script: Script, symbols: frozenset[str], *, combined: bool, unit: TimeUnit) -> Wish:
    """Return what a subscriber of these symbols wants of a script."""
    flags: Flags = np.fromiter((name in symbols for name in script.symbols), bool, len(script.symbols))
    return Wish(combined, unit, flags.tobytes())
