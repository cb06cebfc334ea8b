"""Which trade ids are stored already: sorted, disjoint intervals a symbol, in flat numpy arrays.

Contiguous ids need one interval a symbol, however many trades there are; a gap adds one, and a late trade
that fills it takes it away again. A symbol that gathers too many intervals forgets its oldest: below its
*floor* the intervals know nothing, and whoever asks must look into the table. So memory is bounded and
answers stay exact.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

LOWEST = -(2**63)

_FILE_SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("floor", pa.int64()),
        ("starts", pa.list_(pa.int64())),
        ("ends", pa.list_(pa.int64())),
    ]
)


def _no_integers() -> Integers:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Intervals:
    """Ids known a symbol; never changed, only replaced.

    Attributes:
        symbols: name of each symbol; a symbol's code is its place in here.
        floors: the id below which nothing is known, a symbol.
        codes: the symbol of each interval.
        starts: the first id of each interval.
        ends: the id after the last of each interval.
    """

    symbols: tuple[str, ...] = ()
    floors: Integers = field(default_factory=_no_integers)
    codes: Integers = field(default_factory=_no_integers)
    starts: Integers = field(default_factory=_no_integers)
    ends: Integers = field(default_factory=_no_integers)

    def __len__(self) -> int:
        return len(self.starts)

    def with_symbols(self, names: Iterable[str]) -> "Intervals":
        """Return the same intervals, where every one of `names` has a code."""
        known = set(self.symbols)
        new = tuple(name for name in dict.fromkeys(names) if name not in known)
        if not new:
            return self
        floors = np.concatenate([self.floors, np.full(len(new), LOWEST, dtype=np.int64)])
        return Intervals(self.symbols + new, floors, self.codes, self.starts, self.ends)

    def code_of(self, names: Sequence[str]) -> Integers:
        """Translate symbol names, which must be known, into codes."""
        places = {name: code for code, name in enumerate(self.symbols)}
        return np.array([places[name] for name in names], dtype=np.int64)

    def contain(self, codes: Integers, ids: Integers) -> Flags:
        """Tell for each (symbol code, id) whether it is known; ids below the floor are not."""
        bounds = np.searchsorted(self.codes, np.arange(len(self.symbols) + 1))
        first = bounds[codes]
        low, high = first.copy(), bounds[codes + 1].copy()
        # All rows search their own symbol's slice at once, by halves: find the last start that is <= id.
        while (open_ := low < high).any():
            middle = (low + high) >> 1
            before = open_ & (self.starts[np.where(open_, middle, 0)] <= ids)
            low = np.where(before, middle + 1, low)
            high = np.where(open_ & ~before, middle, high)
        found = low > first
        known = np.zeros(len(ids), dtype=bool)
        known[found] = ids[found] < self.ends[low[found] - 1]
        return known

    def below_floor(self, codes: Integers, ids: Integers) -> Flags:
        """Tell for each (symbol code, id) whether only the table can say if it is stored."""
        return ids < self.floors[codes]

    def add(self, codes: Integers, ids: Integers) -> "Intervals":
        """Return intervals that know these ids too; each (code, id) comes once, is new, and in any order."""
        order = np.lexsort((ids, codes))
        codes, ids = codes[order], ids[order]
        above = ids >= self.floors[codes]
        codes, ids = codes[above], ids[above]
        if not len(ids):
            return self
        breaks = np.flatnonzero((np.diff(codes) != 0) | (np.diff(ids) != 1)) + 1
        firsts = np.concatenate([[0], breaks])
        lasts = np.concatenate([breaks, [len(ids)]]) - 1
        return self._with(codes[firsts], ids[firsts], ids[lasts] + 1)

    def bounded(self, limit: int) -> "Intervals":
        """Return intervals of which no symbol has more than `limit`: the oldest go, and the floor rises."""
        counts = np.bincount(self.codes, minlength=len(self.symbols))
        if not len(self) or counts.max() <= limit:
            return self
        bounds = np.searchsorted(self.codes, np.arange(len(self.symbols) + 1))
        place = np.arange(len(self)) - bounds[self.codes]
        kept = place >= (counts - limit)[self.codes]
        floors = self.floors.copy()
        crowded = np.flatnonzero(counts > limit)
        floors[crowded] = self.starts[bounds[crowded + 1] - limit]
        return Intervals(self.symbols, floors, self.codes[kept], self.starts[kept], self.ends[kept])

    def to_table(self) -> pa.Table:
        """Return the intervals as Arrow: one row a symbol."""
        bounds = pa.array(np.searchsorted(self.codes, np.arange(len(self.symbols) + 1)).astype(np.int32))
        columns = [
            pa.array(self.symbols, pa.string()),
            pa.array(self.floors, pa.int64()),
            pa.ListArray.from_arrays(bounds, pa.array(self.starts, pa.int64())),
            pa.ListArray.from_arrays(bounds, pa.array(self.ends, pa.int64())),
        ]
        return pa.table(columns, schema=_FILE_SCHEMA)

    @classmethod
    def from_table(cls, table: pa.Table) -> "Intervals":
        """Read what `to_table` returned.

        Raises:
            ValueError: the table is not of that form.
        """
        if table.schema != _FILE_SCHEMA:
            raise ValueError(f"these are no id intervals: {table.schema.names}")
        rows = table.combine_chunks()
        starts, ends = rows["starts"].combine_chunks(), rows["ends"].combine_chunks()
        return cls(
            symbols=tuple(rows["symbol"].to_pylist()),
            floors=rows["floor"].to_numpy(),
            codes=np.repeat(np.arange(len(rows)), starts.value_lengths().to_numpy(zero_copy_only=False)),
            starts=starts.flatten().to_numpy(),
            ends=ends.flatten().to_numpy(),
        )

    def _with(self, codes: Integers, starts: Integers, ends: Integers) -> "Intervals":
        """Merge in disjoint intervals, and join those that touch."""
        codes = np.concatenate([self.codes, codes])
        starts = np.concatenate([self.starts, starts])
        ends = np.concatenate([self.ends, ends])
        order = np.lexsort((starts, codes))
        codes, starts, ends = codes[order], starts[order], ends[order]
        opens = np.concatenate([[True], (codes[1:] != codes[:-1]) | (starts[1:] > ends[:-1])])
        firsts = np.flatnonzero(opens)
        lasts = np.concatenate([firsts[1:], [len(codes)]]) - 1
        return Intervals(self.symbols, self.floors, codes[firsts], starts[firsts], ends[lasts])
