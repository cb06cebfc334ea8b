"""Blocks: runs of rows as they lie in the files, sorted once in the order in which the API serves them.

A block is a whole small file or one row group of a large one. It is immutable, as its file is, and kept in a
cache that is bounded by bytes.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io import FileIO

from tickerplant.api.store.cache import ByteCache
from tickerplant.api.store.snapshots import EARLIEST, LATEST, File, SnapshotGoneError, View
from tickerplant.lake import ARROW_SCHEMA, LakeUnavailableError

COLUMNS = (
    "symbol",
    "trade_id",
    "price",
    "quantity",
    "event_time",
    "venue_time",
    "side",
    "source",
    "ingest_time",
    "write_time",
)
PAGE_SCHEMA = pa.schema([ARROW_SCHEMA.field(name) for name in COLUMNS])

_PLACE = ("source_partition", "source_offset")

_WORDS = ["symbol", "side", "source"]
# Below this a file is one block; above it, each of its row groups is.
_SMALL_FILE_ROWS = 100_000

Key = tuple[int, str, int]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """Where a block lies, and bounds of what is in it; `group` None means the whole file."""

    path: str
    group: int | None
    first: int
    last: int
    low: str | None
    high: str | None

    def may_hold(self, symbols: frozenset[str] | None, start: int, end: int) -> bool:
        """Tell whether a row of `symbols` in [start, end) can be in it."""
        if self.last < start or self.first >= end:
            return False
        if symbols is None or self.low is None or self.high is None:
            return True
        return any(self.low <= symbol <= self.high for symbol in symbols)


@dataclass(frozen=True)
class Block:
    """Rows in the order (event_time, symbol, trade_id).

    Args:
        table: All served columns; words as dictionaries.
        times: Event times in microseconds.
        ids: Trade ids.
        codes: Places of the rows' symbols in `symbols`.
        symbols: Sorted symbols of the block.
        rows_by_symbol: Row numbers, symbol after symbol, each in the block's order.
        bounds: Symbol i has rows_by_symbol[bounds[i]:bounds[i + 1]].
        partitions: Where each row lay in the source.
        offsets: Its offset there.
    """

    table: pa.Table
    times: Ints
    ids: Ints
    codes: npt.NDArray[np.int32]
    symbols: tuple[str, ...]
    rows_by_symbol: npt.NDArray[np.int32]
    bounds: Ints
    partitions: npt.NDArray[np.int32]
    offsets: Ints

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        own = (self.codes, self.rows_by_symbol, self.bounds, self.partitions, self.offsets)
        return int(self.table.nbytes) + sum(array.nbytes for array in own)

    def seek(self, key: Key) -> int:
        """Return the first row that does not come before `key` in the block's order."""
        time, symbol, trade_id = key
        low, high = (int(np.searchsorted(self.times, time, side)) for side in ("left", "right"))
        code = bisect_left(self.symbols, symbol)
        known = code < len(self.symbols) and self.symbols[code] == symbol
        same = self.codes[low:high]
        first = low + int(np.searchsorted(same, code, "left"))
        if not known:
            return first
        behind = low + int(np.searchsorted(same, code, "right"))
        return first + int(np.searchsorted(self.ids[first:behind], trade_id))

    def before(self, time: int) -> int:
        """Return the first row at or after `time`."""
        return int(np.searchsorted(self.times, min(max(time, EARLIEST), LATEST)))

    def rows_of(self, symbol: str) -> npt.NDArray[np.int32]:
        """Return the numbers of a symbol's rows in order."""
        try:
            code = self.symbols.index(symbol)
        except ValueError:
            return self.rows_by_symbol[:0]
        return self.rows_by_symbol[self.bounds[code] : self.bounds[code + 1]]


class Blocks:
    """Loads blocks, and keeps as many as fit.

    Args:
        io: Opens files by address.
        capacity: Bytes of blocks kept at most.
    """

    def __init__(self, io: Callable[[], FileIO], capacity: int) -> None:
        self._io = io
        self._blocks = ByteCache[tuple[str, int | None], Block](capacity, lambda block: block.nbytes)
        self._parts = ByteCache[str, tuple[Part, ...]](8 << 20, lambda parts: 400 * len(parts))

    @property
    def bytes(self) -> int:
        """Bytes of the blocks that are kept."""
        return self._blocks.bytes

    def parts(self, view: View, symbols: frozenset[str] | None, start: int, end: int) -> list[Part]:
        """Return the parts that may hold rows of `symbols` in [start, end), by their first event time."""
        found = []
        for file in view.files:
            whole = _whole(file)
            if whole.may_hold(symbols, start, end):
                parts = (whole,) if file.rows <= _SMALL_FILE_ROWS else self._groups(whole)
                found += [part for part in parts if part.may_hold(symbols, start, end)]
        found.sort(key=lambda part: (part.first, part.path))
        return found

    def load(self, part: Part) -> Block:
        """Return a part's block.

        Raises:
            SnapshotGoneError: The file was deleted, as its snapshot expired.
            LakeUnavailableError: The file cannot be read.
        """
        return self._blocks.get((part.path, part.group), partial(self._read, part))

    def _groups(self, whole: Part) -> tuple[Part, ...]:
        return self._parts.get(whole.path, lambda: tuple(self._row_groups(whole)))

    def _row_groups(self, whole: Part) -> Iterator[Part]:
        with self._open(whole.path) as file:
            footer = file.metadata
            names = [footer.schema.column(i).path for i in range(footer.num_columns)]
            time, symbol = names.index("event_time"), names.index("symbol")
            for number in range(footer.num_row_groups):
                group = footer.row_group(number)
                times, words = group.column(time).statistics, group.column(symbol).statistics
                part = replace(whole, group=number)
                if times is not None and times.has_min_max:
                    part = replace(part, first=times.min_raw, last=times.max_raw)
                if words is not None and words.has_min_max:
                    part = replace(part, low=words.min, high=words.max)
                yield part

    def _read(self, part: Part) -> Block:
        with self._open(part.path) as file:
            try:
                if part.group is None:
                    table = file.read(columns=[*COLUMNS, *_PLACE], use_threads=False)
                else:
                    table = file.read_row_group(part.group, columns=[*COLUMNS, *_PLACE], use_threads=False)
            except (OSError, pa.ArrowInvalid, pa.ArrowKeyError) as error:
                raise LakeUnavailableError(f"the data file {part.path} cannot be read: {error}") from error
        return make_block(table)

    def _open(self, path: str) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self._io().new_input(path).open(), read_dictionary=_WORDS)
        except FileNotFoundError as error:
            raise SnapshotGoneError from error
        except (OSError, pa.ArrowInvalid) as error:
            raise LakeUnavailableError(f"the data file {path} cannot be read: {error}") from error


def make_block(table: pa.Table) -> Block:
    """Sort rows into the order in which they are served, and note where each symbol's rows are."""
    table = table.unify_dictionaries().combine_chunks()
    if table.num_rows == 0:
        return _EMPTY
    words = table.column("symbol").chunk(0)
    words = words if isinstance(words, pa.DictionaryArray) else words.dictionary_encode()
    names = words.dictionary.to_pylist()
    symbols = tuple(sorted(set(names)))
    places = {symbol: place for place, symbol in enumerate(symbols)}
    codes = np.array([places[name] for name in names], np.int32)[words.indices.to_numpy()]
    times, ids = _int64(table, "event_time"), _int64(table, "trade_id")
    order = np.lexsort((ids, codes, times))
    if not np.array_equal(order, np.arange(len(order))):
        table, codes = table.take(pa.array(order)).combine_chunks(), codes[order]
        times, ids = _int64(table, "event_time"), _int64(table, "trade_id")
    return Block(
        table=table.select(COLUMNS),
        times=times,
        ids=ids,
        codes=codes,
        symbols=symbols,
        rows_by_symbol=np.argsort(codes, kind="stable").astype(np.int32),
        bounds=np.append(0, np.cumsum(np.bincount(codes, minlength=len(symbols)))),
        partitions=table.column("source_partition").chunk(0).to_numpy(),
        offsets=table.column("source_offset").chunk(0).to_numpy(),
    )


_EMPTY = Block(
    table=PAGE_SCHEMA.empty_table(),
    times=np.empty(0, np.int64),
    ids=np.empty(0, np.int64),
    codes=np.empty(0, np.int32),
    symbols=(),
    rows_by_symbol=np.empty(0, np.int32),
    bounds=np.zeros(1, np.int64),
    partitions=np.empty(0, np.int32),
    offsets=np.empty(0, np.int64),
)


def _whole(file: File) -> Part:
    return Part(file.path, None, file.first, file.last, file.low, file.high)


def _int64(table: pa.Table, name: str) -> Ints:
    """Return a column's numbers where they lie, without a copy."""
    values: Ints = table.column(name).chunk(0).cast(pa.int64()).to_numpy()
    return values
