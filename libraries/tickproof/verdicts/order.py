"""Judge the order in which a hop received each symbol, without sorting what was seen.

Each trade remembers the offset at which it stands first. Trades that were sent one after the other must have
ascending offsets. Only neighbours are compared, so one trade in the wrong place is one anomaly, not hundreds.
Offsets are compared within a lane only: between lanes there is no order that a hop could keep.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickproof.verdicts.content import Mask
from tickproof.verdicts.findings import Anomaly, Kind
from tickproof.verdicts.keys import Ints
from tickproof.verdicts.reference import Located, Reference

NEVER = np.iinfo(np.int64).max
REPAIRED = "rest"


def repaired(batch: pa.RecordBatch) -> Mask | None:
    """Tell which rows came by repair and not from the live stream; None: no row."""
    source = batch.column("source")
    if pa.types.is_dictionary(source.type):
        if pc.index(source.dictionary, REPAIRED).as_py() < 0:
            return None
        source = source.dictionary_decode()
    mask: Mask = pc.fill_null(pc.equal(source, REPAIRED), False).to_numpy(zero_copy_only=False)
    return mask if mask.any() else None


def position_in_lane(batch: pa.RecordBatch, name: str, hop: str) -> Ints:
    """Return the lane or the offset of each row.

    Raises:
        ValueError: A row has none, so neither order nor lanes can be judged.
    """
    column = batch.column(name)
    if column.null_count:
        raise ValueError(f"{hop}: a row has no {name}, so its order cannot be judged")
    values: Ints = column.to_numpy()
    return values


@dataclass
class Lanes:
    """Which lanes each symbol was seen in."""

    reference: Reference
    lowest: Ints = field(init=False)
    highest: Ints = field(init=False)

    def __post_init__(self) -> None:
        symbols = len(self.reference.symbols)
        self.lowest = np.full(symbols, NEVER)
        self.highest = np.full(symbols, -NEVER)

    def add(self, known: Located, lanes: Ints) -> None:
        """Take a batch of rows that are in the reference."""
        np.minimum.at(self.lowest, known.codes, lanes)
        np.maximum.at(self.highest, known.codes, lanes)

    @property
    def split(self) -> Ints:
        """Return the numbers of symbols that stand in more than one lane."""
        return np.flatnonzero(self.lowest < self.highest)

    def name(self, code: int) -> Anomaly:
        """Name a symbol that is split."""
        lanes = f"{self.lowest[code]:,} and {self.highest[code]:,}"
        return Anomaly(Kind.SPLIT, self.reference.symbols.word(code), None, field="lane", got=lanes)


@dataclass
class Order:
    """Where each trade stands first at a hop: in its lowest lane, at its lowest offset there.

    While every symbol keeps to one lane, the offset is all there is to remember. From the first symbol that
    does not, the lane is remembered as well.
    """

    reference: Reference
    offsets: Ints = field(init=False)
    lane_of: Ints | None = None
    _lanes: Lanes = field(init=False)

    def __post_init__(self) -> None:
        self.offsets = np.full(len(self.reference.keys), NEVER)
        self._lanes = Lanes(self.reference)

    def add(self, live: Located, lanes: Ints, offsets: Ints) -> None:
        """Take a batch of live rows that are in the reference."""
        if self.lane_of is None:
            so_far = self._lanes.lowest.copy()
            self._lanes.add(live, lanes)
            if not len(self._lanes.split):
                np.minimum.at(self.offsets, live.positions, offsets)
                return
            self.lane_of = np.repeat(so_far, np.diff(self.reference.keys.starts))
        self._add_by_lane(self.lane_of, live.positions, lanes, offsets)

    def inversions(self) -> Ints:
        """Return pairs of positions: sent one after the other in a lane, but standing the other way round."""
        starts = self.reference.keys.starts.tolist()
        pairs = [self._inversions_of(start, end) for start, end in pairwise(starts)]
        return np.concatenate([np.empty((0, 2), np.int64), *pairs])

    def name(self, sent_first: int, sent_next: int) -> Anomaly:
        """Name two trades that stand the wrong way round."""
        symbol, first_id = self.reference.key(sent_first)
        before, after = self.reference.keys.neighbours(sent_first)
        next_id = self.reference.keys.id_at(sent_next)
        return Anomaly(
            Kind.OUT_OF_ORDER,
            symbol,
            first_id,
            before,
            after,
            field="order",
            expected=f"before {next_id}",
            got=f"after {next_id}",
            where=f"offset {self.offsets[sent_first]:,} after {self.offsets[sent_next]:,}",
        )

    def _inversions_of(self, start: int, end: int) -> Ints:
        """Return the pairs of one symbol, whose positions are these."""
        offsets = self.offsets[start:end]
        there = offsets != NEVER
        places = None  # in the symbol; None: the trades stand one after the other as they are
        if self.lane_of is not None:
            lanes = self.lane_of[start:end]
            places = np.lexsort((np.arange(len(offsets)), lanes, ~there))[: np.count_nonzero(there)]
            lanes, offsets = lanes[places], offsets[places]
            left = np.flatnonzero((lanes[1:] == lanes[:-1]) & (offsets[1:] < offsets[:-1]))
        else:
            offsets = offsets if there.all() else offsets[there]
            left = np.flatnonzero(offsets[1:] < offsets[:-1])
            if len(left) and len(offsets) < end - start:
                places = np.flatnonzero(there)
        if places is None:
            return np.column_stack([left, left + 1]) + start
        return np.column_stack([places[left], places[left + 1]]) + start

    def _add_by_lane(self, lane_of: Ints, positions: Ints, lanes: Ints, offsets: Ints) -> None:
        # Highest first: of several rows of one trade, the last to be written stands first at the hop.
        falling = np.lexsort((offsets, lanes))[::-1]
        positions, lanes, offsets = positions[falling], lanes[falling], offsets[falling]
        old_lanes, old_offsets = lane_of[positions], self.offsets[positions]
        earlier = (old_offsets == NEVER) | (lanes < old_lanes)
        earlier |= (lanes == old_lanes) & (offsets < old_offsets)
        lane_of[positions[earlier]] = lanes[earlier]
        self.offsets[positions[earlier]] = offsets[earlier]
