"""Remembers between two lives of the feed which trade ids were taken care of.

A checkpoint never claims more than Kafka has acknowledged: it is taken first, and written only when all that was sent
before it has been delivered. To count acknowledgements would not do, as those of one partition may overtake those of
another: what counts is a moment at which nothing was on its way.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tickerplant.feed.coverage import Coverage, Hole
from tickerplant.service import Log

# Clocks of two processes of one machine agree far better than this; a record read twice costs nothing.
MARGIN_US = 2_000_000


class _Symbol(msgspec.Struct, array_like=True):
    next: int | None
    floor: int | None
    was_empty: bool
    holes: list[tuple[int, int]]


class _Saved(msgspec.Struct):
    taken_us: int
    symbols: dict[str, _Symbol]


class Checkpoint:
    """The file that holds the coverage of all symbols.

    Args:
        path: Where it lies; None keeps nothing.
        log: Told when the file cannot be read or written.
    """

    def __init__(self, path: Path | None, log: Log) -> None:
        self._path = path
        self._log = log
        self._pending: tuple[int, _Saved] | None = None
        self._written: dict[str, _Symbol] = {}

    def load(self, coverage: Mapping[str, Coverage]) -> int | None:
        """Take over what was saved, for the symbols that are still wanted.

        Returns:
            The time, in microseconds since 1970, since when the topic may hold more; None without a checkpoint.
        """
        if self._path is None or not self._path.exists():
            return None
        try:
            saved = msgspec.json.decode(self._path.read_bytes(), type=_Saved)
        except (OSError, msgspec.DecodeError) as error:
            self._log.warning("checkpoint_unreadable", path=str(self._path), reason=str(error))
            return None
        now = time.monotonic()
        for symbol in saved.symbols.keys() & coverage.keys():
            then, mine = saved.symbols[symbol], coverage[symbol]
            mine.next, mine.floor, mine.was_empty = then.next, then.floor, then.was_empty
            mine.holes = [Hole(first, last, now) for first, last in then.holes]
        return saved.taken_us - MARGIN_US

    def save(self, coverage: Mapping[str, Coverage], accepted: int, settled: int) -> None:
        """Write the last state that is delivered by now, and take the next one.

        Args:
            coverage: What is known now.
            accepted: Messages sent so far, those included that still wait for the Kafka client.
            settled: How many of the first of them are all delivered.
        """
        if self._path is None:
            return
        if self._pending is not None:
            accepted_then, saved = self._pending
            if settled < accepted_then:
                return
            self._write(self._path, saved)
        self._pending = (accepted, _taken(coverage))
        if settled >= accepted:
            self._write(self._path, self._pending[1])

    def _write(self, path: Path, saved: _Saved) -> None:
        if saved.symbols == self._written:
            return
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(msgspec.json.encode(saved))
            draft.replace(path)
        except OSError as error:
            self._log.warning("checkpoint_unwritable", path=str(path), reason=str(error))
        else:
            self._written = saved.symbols


def _taken(coverage: Mapping[str, Coverage]) -> _Saved:
    symbols = {
        symbol: _Symbol(
            each.next, each.floor, each.was_empty, [(hole.first, hole.last) for hole in each.holes]
        )
        for symbol, each in coverage.items()
        if each.next is not None or each.was_empty
    }
    return _Saved(time.time_ns() // 1000, symbols)
