"""Remembers between two lives of the feed which trade ids were taken care of.

A checkpoint never claims more than Kafka has acknowledged: it is taken first, and written only when all that was handed
to the Kafka client before it has been delivered.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tickerplant.feed.coverage import Coverage, Hole
from tickerplant.service import Log


class _Saved(msgspec.Struct, array_like=True):
    next: int | None
    floor: int | None
    was_empty: bool
    holes: list[tuple[int, int]]


class Checkpoint:
    """The file that holds the coverage of all symbols.

    Args:
        path: Where it lies; None keeps nothing.
        log: Told when the file cannot be read or written.
    """

    def __init__(self, path: Path | None, log: Log) -> None:
        self._path = path
        self._log = log
        self._written = b""
        self._pending: tuple[int, bytes] | None = None

    def load(self, coverage: Mapping[str, Coverage]) -> None:
        """Take over what was saved, for the symbols that are still wanted."""
        if self._path is None or not self._path.exists():
            return
        try:
            self._written = self._path.read_bytes()
            saved = msgspec.json.decode(self._written, type=dict[str, _Saved])
        except (OSError, msgspec.DecodeError) as error:
            self._log.warning("checkpoint_unreadable", path=str(self._path), reason=str(error))
            return
        now = time.monotonic()
        for symbol in saved.keys() & coverage.keys():
            then, mine = saved[symbol], coverage[symbol]
            mine.next, mine.floor, mine.was_empty = then.next, then.floor, then.was_empty
            mine.holes = [Hole(first, last, now) for first, last in then.holes]

    def save(self, coverage: Mapping[str, Coverage], handed_over: int, delivered: int) -> None:
        """Write the last state that is delivered by now, and take the next one.

        Args:
            coverage: What is known now.
            handed_over: Messages given to the Kafka client so far.
            delivered: Messages that Kafka has acknowledged so far.
        """
        if self._path is None:
            return
        if self._pending is not None:
            handed_over_then, body = self._pending
            if delivered < handed_over_then:
                return
            self._write(self._path, body)
        self._pending = (handed_over, _encode(coverage))
        if delivered >= handed_over:
            self._write(self._path, self._pending[1])

    def _write(self, path: Path, body: bytes) -> None:
        if body == self._written:
            return
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(body)
            draft.replace(path)
        except OSError as error:
            self._log.warning("checkpoint_unwritable", path=str(path), reason=str(error))
        else:
            self._written = body


def _encode(coverage: Mapping[str, Coverage]) -> bytes:
    saved = {
        symbol: _Saved(
            each.next, each.floor, each.was_empty, [(hole.first, hole.last) for hole in each.holes]
        )
        for symbol, each in coverage.items()
        if each.next is not None or each.was_empty
    }
    return msgspec.json.encode(saved)
