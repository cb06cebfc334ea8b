"""What the venue's REST knows of the trades: all whose time has come, also those that nobody was sent."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tickproof.exchange.marks import Numbers
from tickproof.exchange.play import Play

KEPT_ROWS = 1_000_000
"""Plays are forgotten, oldest first, when more rows than this are held."""


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade as REST tells it."""

    id: int
    price: str
    quantity: str
    time_ns: int
    buyer_is_maker: bool


@dataclass(frozen=True, slots=True)
class _Piece:
    """The trades of one symbol in one play, by id."""

    play: Play
    ids: Numbers
    positions: Numbers

    def due(self, now_ns: int, first_id: int, most: int) -> Numbers:
        """Return the positions of the first trades from an id on whose time has come."""
        if self.play.due is None:
            return np.empty(0, np.int64)
        first = int(np.searchsorted(self.ids, first_id))
        some = self.positions[first : first + most]
        return some[self.play.due[some] <= now_ns]


class Tape:
    """The trades of all plays that are kept."""

    def __init__(self) -> None:
        self._pieces: dict[str, list[_Piece]] = {}

    def add(self, play: Play) -> None:
        """Take the trades of a play; they become known when they fall due."""
        ids = play.script.rows["trade_id"].to_numpy()
        codes = play.script.codes
        known = np.flatnonzero(~play.script.unknown)
        order = known[np.lexsort((ids[known], codes[known]))]
        bounds = np.searchsorted(codes[order], np.arange(len(play.script.symbols) + 1))
        for code, symbol in enumerate(play.script.symbols):
            positions = order[bounds[code] : bounds[code + 1]]
            self._pieces.setdefault(symbol, []).append(_Piece(play, ids[positions], positions))

    def forget(self, play: Play) -> None:
        """Drop the trades of a play."""
        for pieces in self._pieces.values():
            pieces[:] = [piece for piece in pieces if piece.play is not play]

    def extent(self, symbol: str, now_ns: int) -> tuple[int, int, int]:
        """Return the lowest and the highest id of a symbol and how many trades there are; -1, -1, 0 for none."""
        found = [
            piece.ids[piece.play.due[piece.positions] <= now_ns]
            for piece in self._pieces.get(symbol, [])
            if piece.play.due is not None
        ]
        ids = [each for each in found if len(each)]
        if not ids:
            return -1, -1, 0
        return int(min(each[0] for each in ids)), int(max(each[-1] for each in ids)), sum(map(len, ids))

    def read(self, symbol: str, *, limit: int, now_ns: int, from_id: int | None = None) -> list[Trade]:
        """Return trades by id: the first from `from_id` on, or else the newest."""
        pieces = self._pieces.get(symbol, [])
        if from_id is not None:
            return list(_first(pieces, from_id, limit, now_ns))
        newest: list[Trade] = []
        for piece in reversed(pieces):
            if len(newest) >= limit:
                break
            due = piece.due(now_ns, 0, len(piece.ids))
            newest = list(_trades(piece.play, due[-(limit - len(newest)) :])) + newest
        return newest


def _first(pieces: list[_Piece], from_id: int, limit: int, now_ns: int) -> Iterator[Trade]:
    left = limit
    for piece in pieces:
        due = piece.due(now_ns, from_id, left)
        yield from _trades(piece.play, due)
        left -= len(due)
        if left <= 0:
            return


def _trades(play: Play, positions: Numbers) -> Iterator[Trade]:
    if not len(positions):
        return
    rows = play.script.rows.select(
        ["trade_id", "price_text", "quantity_text", "event_time_ns", "buyer_is_maker"]
    ).take(positions)
    for values in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        yield Trade(*values)
