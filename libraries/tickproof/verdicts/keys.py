"""Where a trade stands in what was sent: from symbol and id to a position, without hashing what is seen.

Positions count trades by symbol and, within a symbol, in the order they were sent. Ids of one symbol mostly
run without a hole, so the position is the start of the run plus the distance from its first id. Ids that do
not run (foreign platforms, holes) make more runs, found by bisection: memory follows the number of trades,
never the width of the ids.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tickproof.verdicts.vocabulary import UNKNOWN

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]

ROWS_A_STEP = 65_536  # so that what is computed on the way stays in the processor's cache


@dataclass(frozen=True, slots=True)
class KeyIndex:
    """Finds positions of keys and keys of positions.

    Attributes:
        starts: First position of each symbol, and the number of positions at the end.
        run_first: First run of each symbol, and the number of runs at the end; every symbol has a run.
        run_start: First id of each run.
        run_length: How many ids it holds.
        run_base: Rank of its first id when keys are sorted by symbol and id.
        position_of_rank: Position of each rank; None: ids ascend in the sent order, so both are the same.
        ids: Id of each position; None: as above, and one run a symbol.
    """

    starts: Ints
    run_first: Ints
    run_start: Ints
    run_length: npt.NDArray[np.uint64]
    run_base: Ints
    position_of_rank: Codes | None
    ids: Ints | None

    def __len__(self) -> int:
        return int(self.starts[-1])

    def find(self, codes: Codes, ids: Ints) -> Ints:
        """Return the position of each key, -1 where it was never sent."""
        if not len(self):
            return np.full(len(codes), -1, np.int64)
        strange = codes == UNKNOWN
        some_strange = bool(strange.any())
        if some_strange:
            codes = np.where(strange, np.int32(0), codes)
        runs = codes if len(self.run_start) == len(self.starts) - 1 else self._runs(codes, ids)
        # Subtraction wraps around: an id below the run is a huge distance, so one comparison checks both ends.
        distance = ids - self.run_start.take(runs)
        inside = distance.view(np.uint64) < self.run_length.take(runs)
        if some_strange:
            inside &= ~strange
        distance += self.run_base.take(runs)
        if inside.all():
            return distance if self.position_of_rank is None else self._positions(distance)
        distance[~inside] = 0
        found = distance if self.position_of_rank is None else self._positions(distance)
        found[~inside] = -1
        return found

    def symbol_codes(self, positions: Ints) -> Ints:
        """Return the symbol's number of each position."""
        codes: Ints = np.searchsorted(self.starts, positions, side="right") - 1
        return codes

    def id_at(self, position: int) -> int:
        """Return the id of a position."""
        if self.ids is not None:
            return int(self.ids[position])
        code = int(self.symbol_codes(np.array([position]))[0])
        return int(self.run_start[code]) + position - int(self.starts[code])

    def neighbours(self, position: int) -> tuple[int | None, int | None]:
        """Return the ids sent before and after a position for the same symbol."""
        code = int(self.symbol_codes(np.array([position]))[0])
        first, end = int(self.starts[code]), int(self.starts[code + 1])
        before = self.id_at(position - 1) if position > first else None
        after = self.id_at(position + 1) if position + 1 < end else None
        return before, after

    def around(self, code: int, trade_id: int) -> tuple[int | None, int | None]:
        """Return the next smaller and the next larger id of a symbol, for an id that is not among them."""
        first, end = int(self.run_first[code]), int(self.run_first[code + 1])
        place = first + int(np.searchsorted(self.run_start[first:end], trade_id, side="right"))
        before = (
            int(self.run_start[place - 1]) + int(self.run_length[place - 1]) - 1 if place > first else None
        )
        after = int(self.run_start[place]) if place < end else None
        return before, after

    def _runs(self, codes: Codes, ids: Ints) -> Ints:
        """Return the last run of each symbol that starts at or below the id, else the symbol's first."""
        first = self.run_first.take(codes)
        low, high = first.copy(), self.run_first.take(codes + 1)
        while (low < high).any():
            middle = (low + high) >> 1
            open_ = low < high
            at_or_below = self.run_start.take(middle, mode="clip") <= ids
            low = np.where(open_ & at_or_below, middle + 1, low)
            high = np.where(open_ & ~at_or_below, middle, high)
        return np.maximum(low - 1, first)

    def _positions(self, ranks: Ints) -> Ints:
        assert self.position_of_rank is not None
        return self.position_of_rank.take(ranks).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Indexed:
    """An index with the rows it was made from.

    Attributes:
        keys: The index.
        rows: Row of each position.
        repeated: Rows whose key stands in an earlier row, and that earlier row, as two columns.
    """

    keys: KeyIndex
    rows: Codes
    repeated: Ints


def index(codes: Codes, ids: Ints, symbols: int) -> Indexed:
    """Index keys given in their sent order.

    Args:
        codes: Number of the symbol of each row; every number below `symbols` occurs.
        ids: Id of each row.
        symbols: How many symbols there are.
    """
    return _index_running(codes, ids, symbols) or _index_any(codes, ids, symbols)


def _index_running(codes: Codes, ids: Ints, symbols: int) -> Indexed | None:
    """Index ids that ascend by one for each symbol; None if they do not."""
    counts = np.bincount(codes, minlength=symbols).astype(np.int64)
    low = np.full(symbols, np.iinfo(np.int64).max)
    np.minimum.at(low, codes, ids)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    lengths = counts.astype(np.uint64)
    rows = np.full(len(ids), -1, np.int32)
    for begin in range(0, len(ids), ROWS_A_STEP):
        some = slice(begin, begin + ROWS_A_STEP)
        distance = ids[some] - low.take(codes[some])
        if not (distance.view(np.uint64) < lengths.take(codes[some])).all():
            return None
        distance += starts.take(codes[some])
        rows[distance] = np.arange(begin, begin + len(distance), dtype=np.int32)
    descends = rows[1:] < rows[:-1]  # also where an id stands twice, since another is missing then: -1
    descends[starts[1:-1] - 1] = False
    if descends.any():
        return None
    keys = KeyIndex(
        starts=starts,
        run_first=np.arange(symbols + 1),
        run_start=low,
        run_length=lengths,
        run_base=starts[:-1],
        position_of_rank=None,
        ids=None,
    )
    return Indexed(keys, rows, np.empty((0, 2), np.int64))


def _index_any(codes: Codes, ids: Ints, symbols: int) -> Indexed:
    """Index any ids: with holes, in any order, repeated."""
    by_key = np.lexsort((ids, codes))  # stable: of equal keys the first sent stands first
    same = (codes[by_key[1:]] == codes[by_key[:-1]]) & (ids[by_key[1:]] == ids[by_key[:-1]])
    first = np.concatenate([np.ones(min(len(ids), 1), bool), ~same])
    leaders = by_key[np.maximum.accumulate(np.where(first, np.arange(len(by_key)), 0))]
    repeated = np.column_stack([by_key[~first], leaders[~first]])
    by_key = by_key[first]

    sorted_codes, sorted_ids = codes[by_key], ids[by_key]
    counts = np.bincount(sorted_codes, minlength=symbols)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])

    breaks = np.ones(len(by_key), bool)
    breaks[1:] = (sorted_codes[1:] != sorted_codes[:-1]) | (sorted_ids[1:] != sorted_ids[:-1] + 1)
    run_base = np.flatnonzero(breaks)
    run_length = np.diff(np.append(run_base, len(by_key))).astype(np.uint64)
    run_first = np.searchsorted(sorted_codes[run_base], np.arange(symbols + 1))

    by_sending = np.lexsort((by_key, sorted_codes))  # ranks in the order of their positions
    position_of_rank = np.empty(len(by_key), np.int32)
    position_of_rank[by_sending] = np.arange(len(by_key), dtype=np.int32)
    keys = KeyIndex(
        starts=starts,
        run_first=run_first,
        run_start=sorted_ids[run_base],
        run_length=run_length,
        run_base=run_base,
        position_of_rank=position_of_rank,
        ids=sorted_ids[by_sending],
    )
    return Indexed(keys, by_key[by_sending].astype(np.int32), repeated)
