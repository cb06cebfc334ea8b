"""The table of trades as the API reads it: snapshots, blocks of files, pages, and facts by symbol."""

from tickerplant.api.store.blocks import Blocks
from tickerplant.api.store.digests import Digests, SymbolFacts
from tickerplant.api.store.pages import Page, Position, Selection, SymbolTrades
from tickerplant.api.store.snapshots import EARLIEST, LATEST, SnapshotGoneError, Snapshots, Source, View
from tickerplant.api.store.trades import TradeStore

__all__ = [
    "EARLIEST",
    "LATEST",
    "Blocks",
    "Digests",
    "Page",
    "Position",
    "Selection",
    "SnapshotGoneError",
    "Snapshots",
    "Source",
    "SymbolFacts",
    "SymbolTrades",
    "TradeStore",
    "View",
]
