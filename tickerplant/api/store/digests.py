"""Facts by symbol: how many trades, from when to when, and the newest one.

Each block's digest is made once, as its rows never change; a view's facts are put together from digests.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tickerplant.api.store.blocks import PAGE_SCHEMA, Block, Blocks, Ints, Part
from tickerplant.api.store.cache import ByteCache
from tickerplant.api.store.snapshots import EARLIEST, LATEST, View


@dataclass(frozen=True)
class Digest:
    """Facts of one block; one row a symbol.

    Args:
        symbols: The symbols, sorted.
        trades: How many rows each has.
        first: Its first event time.
        last: Its last event time.
        newest: Whole rows: the one with its greatest trade id.
    """

    symbols: tuple[str, ...]
    trades: Ints
    first: Ints
    last: Ints
    newest: pa.Table

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return int(self.newest.nbytes) + 120 * len(self.symbols)


@dataclass(frozen=True)
class SymbolFacts:
    """Facts of one symbol in a view; times in microseconds."""

    symbol: str
    trades: int
    first: int
    last: int


@dataclass(frozen=True)
class Facts:
    """Facts of a view.

    Args:
        symbols: A row a symbol, sorted.
        newest: The newest trade of each, in the same order.
    """

    symbols: tuple[SymbolFacts, ...]
    newest: pa.Table

    @property
    def nbytes(self) -> int:
        """Memory that they take."""
        return int(self.newest.nbytes) + 200 * len(self.symbols)


class Digests:
    """Makes facts of views out of the digests of their blocks.

    Args:
        blocks: Where blocks come from.
        capacity: Bytes of digests kept at most.
    """

    def __init__(self, blocks: Blocks, capacity: int = 32 << 20) -> None:
        self._blocks = blocks
        self._digests = ByteCache[tuple[str, int | None], Digest](capacity, lambda digest: digest.nbytes)
        self._facts = ByteCache[int, Facts](4 << 20, lambda facts: facts.nbytes)

    def facts(self, view: View) -> Facts:
        """Return the facts of a view."""
        if view.snapshot is None:
            return Facts((), PAGE_SCHEMA.empty_table())
        return self._facts.get(view.snapshot, lambda: self._make(view))

    def _make(self, view: View) -> Facts:
        return merge([self._digest(part) for part in self._blocks.parts(view, None, EARLIEST, LATEST)])

    def _digest(self, part: Part) -> Digest:
        return self._digests.get((part.path, part.group), lambda: make_digest(self._blocks.load(part)))


def make_digest(block: Block) -> Digest:
    """Return the facts of one block."""
    if not block.symbols:
        return Digest((), block.times, block.times, block.times, PAGE_SCHEMA.empty_table())
    runs = [block.rows_of(symbol) for symbol in block.symbols]
    newest = [int(rows[np.argmax(block.ids[rows])]) for rows in runs]
    return Digest(
        symbols=block.symbols,
        trades=np.array([len(rows) for rows in runs], np.int64),
        first=block.times[[rows[0] for rows in runs]],
        last=block.times[[rows[-1] for rows in runs]],
        newest=block.table.take(pa.array(newest, pa.int64())).cast(PAGE_SCHEMA),
    )


def merge(digests: list[Digest]) -> Facts:
    """Put the facts of blocks together."""
    digests = [digest for digest in digests if digest.symbols]
    if not digests:
        return Facts((), PAGE_SCHEMA.empty_table())
    symbols = sorted(set().union(*(digest.symbols for digest in digests)))
    places = {symbol: place for place, symbol in enumerate(symbols)}
    codes = np.array([places[symbol] for digest in digests for symbol in digest.symbols])
    newest = pa.concat_tables([digest.newest for digest in digests])
    order = np.lexsort((newest.column("trade_id").to_numpy(), codes))
    starts = np.append(0, np.flatnonzero(np.diff(codes[order])) + 1)
    ends = np.append(starts[1:], len(order)) - 1
    trades = np.add.reduceat(np.concatenate([d.trades for d in digests])[order], starts)
    first = np.minimum.reduceat(np.concatenate([d.first for d in digests])[order], starts)
    last = np.maximum.reduceat(np.concatenate([d.last for d in digests])[order], starts)
    rows = zip(symbols, trades.tolist(), first.tolist(), last.tolist(), strict=True)
    return Facts(
        tuple(SymbolFacts(*row) for row in rows),
        newest.take(pa.array(order[ends])).combine_chunks(),
    )
