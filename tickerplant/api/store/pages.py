"""Rows of a view in the order (event_time, symbol, trade_id), a page at a time.

Each block is sorted, so a page needs no more rows of any block than it has itself; and blocks that begin
after the page's last row are never opened.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tickerplant.api.exact import Wide, concatenate, wide
from tickerplant.api.store.blocks import PAGE_SCHEMA, Block, Blocks, Ints, Key
from tickerplant.api.store.snapshots import EARLIEST, LATEST, View
from tickerplant.api.times import US_PER_DAY

Rows = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Selection:
    """Which rows are wanted.

    Args:
        symbols: Only these; None for all.
        start: No event time before this microsecond.
        end: Only event times before this microsecond.
    """

    symbols: frozenset[str] | None = None
    start: int = EARLIEST
    end: int = LATEST


@dataclass(frozen=True)
class Position:
    """The last row of a page.

    Args:
        event_time: Its event time in microseconds.
        symbol: Its symbol.
        trade_id: Its trade id.
        repeats: Rows with this same key that were already served: one, unless the table holds duplicates.
    """

    event_time: int
    symbol: str
    trade_id: int
    repeats: int = 1

    @property
    def key(self) -> Key:
        """What rows are ordered by."""
        return (self.event_time, self.symbol, self.trade_id)


@dataclass(frozen=True)
class Page:
    """Some rows, and where they ended.

    Args:
        table: The rows, in order.
        position: The last row; None when there is none.
        more: Whether rows follow.
    """

    table: pa.Table
    position: Position | None
    more: bool


@dataclass(frozen=True)
class SymbolTrades:
    """Trades of one symbol by (event_time, trade_id), in the columns that bars are made of."""

    times: Ints
    ids: Ints
    price: Wide
    quantity: Wide


@dataclass(frozen=True)
class _Run:
    """Rows of one block that may be on the page, in order."""

    block: Block
    rows: Ints


def read_page(blocks: Blocks, view: View, wanted: Selection, after: Position | None, limit: int) -> Page:
    """Return the first `limit` rows of `wanted` behind `after`."""
    start = wanted.start if after is None else max(wanted.start, after.event_time)
    needed = limit + 1 + (after.repeats if after else 0)
    runs: list[_Run] = []
    times = np.empty(0, np.int64)
    horizon = LATEST
    for part in blocks.parts(view, wanted.symbols, start, wanted.end):
        if part.first > horizon:
            break
        last = min(horizon, wanted.end - 1)
        run = _run(view, blocks.load(part), wanted, after=after, last=last, needed=needed)
        if len(run.rows):
            runs.append(run)
            times = np.concatenate([times, run.block.times[run.rows]])
        if len(times) >= needed:
            horizon = int(np.partition(times, needed - 1)[needed - 1])
    return _merge(runs, times, after, limit, needed)


def read_symbol(blocks: Blocks, view: View, symbol: str, start: int, end: int) -> SymbolTrades:
    """Return all trades of a symbol with event times in [start, end)."""
    parts = blocks.parts(view, frozenset([symbol]), start, end)
    return _collect(view, map(blocks.load, parts), symbol, start, end)


def walk_symbol(
    blocks: Blocks, view: View, symbol: str, start: int, end: int, *, step: int, steps: int
) -> Iterator[SymbolTrades]:
    """Yield the trades of a symbol in [start, end) in order, a span of time after the other.

    A span begins at a multiple of `step` (or at `start`) and ends at one (or at `end`). The first is `steps` of
    them long, each further one twice as long as the one before, but none goes beyond its day in UTC: so whoever
    has enough has read little more than that, and never holds more than a day.
    """
    parts = blocks.parts(view, frozenset([symbol]), start, end)
    if any(part.first == EARLIEST or part.last == LATEST for part in parts):
        # Files that do not say when their trades were: no writer of ours makes them.
        yield _collect(view, map(blocks.load, parts), symbol, start, end)
        return
    span = min(step * steps, US_PER_DAY)
    at = start
    while parts and at < end:
        at = max(at, parts[0].first // step * step)
        until = min(end, at + span, (at // US_PER_DAY + 1) * US_PER_DAY)
        near = [part for part in parts if part.first < until]
        yield _collect(view, map(blocks.load, near), symbol, at, until)
        parts = [part for part in parts if part.last >= until]
        at, span = until, min(2 * span, US_PER_DAY)


def _collect(view: View, loaded: Iterable[Block], symbol: str, start: int, end: int) -> SymbolTrades:
    times, ids, prices, quantities = [], [], [], []
    for block in loaded:
        rows = _counted(view, block, _between(block.rows_of(symbol), block.before(start), block.before(end)))
        taken = pa.array(rows)
        times.append(block.times[rows])
        ids.append(block.ids[rows])
        prices.append(wide(block.table.column("price").take(taken)))
        quantities.append(wide(block.table.column("quantity").take(taken)))
    if not times:
        nothing = np.empty(0, np.int64)
        empty = Wide(nothing, nothing.view(np.uint64))
        return SymbolTrades(nothing, nothing, empty, empty)
    all_times, all_ids = np.concatenate(times), np.concatenate(ids)
    order = np.lexsort((all_ids, all_times))
    price, quantity = concatenate(prices)[order], concatenate(quantities)[order]
    return SymbolTrades(all_times[order], all_ids[order], price, quantity)


def _run(
    view: View, block: Block, wanted: Selection, *, after: Position | None, last: int, needed: int
) -> _Run:
    low = block.before(wanted.start)
    if after is not None:
        low = max(low, block.seek(after.key))
    high = max(low, block.before(last + 1))
    if wanted.symbols is not None:
        picked = [_between(block.rows_of(symbol), low, high) for symbol in wanted.symbols]
        rows = np.sort(np.concatenate([_counted(view, block, rows)[:needed] for rows in picked]))
    elif view.until is None:
        rows = np.arange(low, min(high, low + needed))
    else:
        rows = _counted(view, block, np.arange(low, high))
    return _Run(block, rows[:needed].astype(np.int64))


def _counted(view: View, block: Block, rows: Rows) -> Rows:
    """Return those rows that belong to a view that ends at places in the source."""
    if view.until is None:
        return rows
    ends = np.zeros(max(block.partitions.max(initial=0), *view.until.offsets, 0) + 1, np.int64)
    for partition, offset in view.until.offsets.items():
        ends[partition] = offset
    counted: Rows = rows[block.offsets[rows] < ends[block.partitions[rows]]]
    return counted


def _between(rows: npt.NDArray[np.int32], low: int, high: int) -> npt.NDArray[np.int32]:
    return rows[np.searchsorted(rows, low) : np.searchsorted(rows, high)]


def _merge(runs: list[_Run], times: Ints, after: Position | None, limit: int, needed: int) -> Page:
    if not runs:
        return Page(PAGE_SCHEMA.empty_table(), None, more=False)
    ids = np.concatenate([run.block.ids[run.rows] for run in runs])
    symbols = sorted(set().union(*(run.block.symbols for run in runs)))
    places = {symbol: place for place, symbol in enumerate(symbols)}
    codes = np.concatenate(
        [
            np.array([places[s] for s in run.block.symbols], np.int32)[run.block.codes[run.rows]]
            for run in runs
        ]
    )
    order = np.lexsort((ids, codes, times))[:needed]

    def key(row: int) -> Key:
        return (int(times[row]), symbols[codes[row]], int(ids[row]))

    served = 0
    if after is not None:
        while served < min(after.repeats, len(order)) and key(order[served]) == after.key:
            served += 1
    chosen = order[served : served + limit]
    if not len(chosen):
        return Page(PAGE_SCHEMA.empty_table(), None, more=False)
    last = key(chosen[-1])
    same = (times[chosen] == last[0]) & (codes[chosen] == codes[chosen[-1]]) & (ids[chosen] == last[2])
    repeats = int(same.sum()) + (served if after is not None and after.key == last else 0)
    table = _rows(runs, chosen)
    return Page(table, Position(*last, repeats), more=len(order) - served > limit)


def _rows(runs: list[_Run], chosen: Ints) -> pa.Table:
    """Return the chosen rows; they are numbered as if all runs were one behind the other."""
    ascending = np.sort(chosen)
    tables, first = [], 0
    for run in runs:
        behind = first + len(run.rows)
        mine = ascending[np.searchsorted(ascending, first) : np.searchsorted(ascending, behind)] - first
        if len(mine):
            tables.append(run.block.table.take(pa.array(run.rows[mine])).cast(PAGE_SCHEMA))
        first = behind
    return pa.concat_tables(tables).take(pa.array(np.searchsorted(ascending, chosen))).combine_chunks()
