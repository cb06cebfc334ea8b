"""The store: what the API asks the table of trades."""

from collections.abc import Iterator

import pyarrow as pa
from pyiceberg.table.snapshots import Snapshot

from tickerplant.api.store.blocks import Blocks
from tickerplant.api.store.digests import Digests, SymbolFacts
from tickerplant.api.store.pages import (
    Page,
    Position,
    Selection,
    SymbolTrades,
    read_page,
    read_symbol,
    walk_symbol,
)
from tickerplant.api.store.snapshots import Snapshots, View


class TradeStore:
    """Answers questions about the table of trades, each from one view of it.

    Args:
        snapshots: Knows the table's snapshots.
        capacity: Bytes of rows that are kept in memory at most.
    """

    def __init__(self, snapshots: Snapshots, capacity: int) -> None:
        self._snapshots = snapshots
        self._blocks = Blocks(lambda: snapshots.io, capacity)
        self._digests = Digests(self._blocks)

    def table_exists(self) -> bool:
        """Tell whether the table was created."""
        return self._snapshots.table_exists()

    def newest(self) -> View:
        """Return the table as it is now."""
        return self._snapshots.newest()

    def at(self, snapshot: int) -> View:
        """Return the table as of a snapshot."""
        return self._snapshots.at(snapshot)

    def forget(self) -> None:
        """Look at the catalog again at the next call."""
        self._snapshots.forget()

    def history(self) -> list[Snapshot]:
        """Return the snapshots that the table keeps, oldest first."""
        return self._snapshots.history()

    def page(self, view: View, wanted: Selection, after: Position | None, limit: int) -> Page:
        """Return rows by (event_time, symbol, trade_id), at most `limit` behind `after`."""
        return read_page(self._blocks, view, wanted, after, limit)

    def of_symbol(self, view: View, symbol: str, start: int, end: int) -> SymbolTrades:
        """Return all trades of a symbol in [start, end)."""
        return read_symbol(self._blocks, view, symbol, start, end)

    def walk_symbol(
        self, view: View, symbol: str, start: int, end: int, *, step: int, steps: int
    ) -> Iterator[SymbolTrades]:
        """Yield the trades of a symbol in [start, end) by spans of time; the first is `steps` times `step` long.

        Spans end at multiples of `step`, which divides a day, and no span goes beyond a day.
        """
        return walk_symbol(self._blocks, view, symbol, start, end, step=step, steps=steps)

    def newest_trades(self, view: View) -> pa.Table:
        """Return the trade with the greatest id of each symbol, by symbol."""
        return self._digests.facts(view).newest

    def symbols(self, view: View) -> tuple[SymbolFacts, ...]:
        """Return how many trades each symbol has, and from when to when; by symbol."""
        return self._digests.facts(view).symbols

    @property
    def cached_bytes(self) -> int:
        """Bytes of rows that are kept in memory."""
        return self._blocks.bytes
