"""What a hop is compared with: the trades that had to reach it, or what another hop showed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tickproof.ledger.rows import AnyRows, Rows, batches_of
from tickproof.ledger.schemas import SEEN, SENT, STORED
from tickproof.verdicts.content import UNITS, Column, Mask, column_for
from tickproof.verdicts.growing import Growing
from tickproof.verdicts.keys import Ints, KeyIndex, index
from tickproof.verdicts.vocabulary import UNKNOWN, Vocabulary


@dataclass(frozen=True, slots=True)
class Located:
    """A batch of seen rows and where each stands in the reference.

    Attributes:
        batch: The rows.
        codes: Number of each row's symbol, UNKNOWN where the reference does not know it.
        positions: Position of each row's key, -1 where the reference does not hold it.
        known: Which rows are in the reference; None: all.
    """

    batch: pa.RecordBatch
    codes: npt.NDArray[np.int32]
    positions: Ints
    known: Mask | None

    def only_known(self) -> "Located":
        """Return the rows that are in the reference."""
        return self if self.known is None else self.only(self.known)

    def only(self, mask: Mask) -> "Located":
        """Return some of the rows."""
        return Located(self.batch.filter(pa.array(mask)), self.codes[mask], self.positions[mask], None)


@dataclass(frozen=True, slots=True)
class Reference:
    """Trades by position.

    Attributes:
        symbols: The symbols by number.
        keys: Positions by key.
        rows: Row of each position.
        columns: Values by field and row.
        conflicts: Positions whose key was given twice with different values.
        left_out: Keys that must not be seen, with what was expected of them, as (symbol, id, expect) batches.
    """

    symbols: Vocabulary
    keys: KeyIndex
    rows: npt.NDArray[np.int32]
    columns: dict[str, Column]
    conflicts: Ints
    left_out: tuple[pa.Table, ...]

    def locate(self, batch: pa.RecordBatch) -> Located:
        """Find the rows of a batch."""
        codes = self.symbols.look_up(batch.column("symbol"))
        ids = batch.column("trade_id")
        if ids.null_count:
            codes = np.where(ids.is_null().to_numpy(zero_copy_only=False), np.int32(UNKNOWN), codes)
            ids = ids.fill_null(0)
        positions = self.keys.find(codes, ids.to_numpy())
        known = positions >= 0
        return Located(batch, codes, positions, None if known.all() else known)

    def key(self, position: int) -> tuple[str, int]:
        """Return symbol and id of a position."""
        code = int(self.keys.symbol_codes(np.array([position]))[0])
        return self.symbols.word(code), self.keys.id_at(position)


def seen_batches(rows: AnyRows, columns: Sequence[str], *, what: str) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a hop that hold rows, and make sure of their columns.

    Raises:
        ValueError: A column is missing or of another type than `ledger.schemas.SEEN` says.
    """
    for batch in batches_of(rows, columns):
        if len(batch):
            _check(batch, columns, SEEN, what)
            yield batch


def sent_reference(sent: AnyRows, fields: Sequence[str], *, cut: str = "ns") -> Reference:
    """Make a reference of the trades that must reach every hop.

    Raises:
        ValueError: The rows are no ledger of what was sent, or it contradicts itself.
    """
    maker = Maker(fields, _capacity(sent), cut=UNITS[cut], cut_seen=False)
    wanted = ("symbol", "trade_id", *fields, "expect")
    for batch in batches_of(sent, wanted):
        if not len(batch):
            continue
        _check(batch, wanted, SENT, "what was sent")
        stored = pc.equal(batch.column("expect"), STORED)
        if pc.all(stored, min_count=0).as_py() and not stored.null_count:
            maker.add(batch)
            continue
        maker.leave_out(batch.filter(pc.invert(pc.fill_null(stored, False))))
        maker.add(batch.filter(stored))
    reference = maker.done()
    if len(reference.conflicts):
        symbol, trade_id = reference.key(int(reference.conflicts[0]))
        raise ValueError(f"the ledger of what was sent holds {symbol} {trade_id} twice with different values")
    return reference


def seen_reference(seen: AnyRows, fields: Sequence[str], *, what: str, cut: str = "ns") -> Reference:
    """Make a reference of what a hop showed; rows without a symbol or an id are left out."""
    maker = Maker(fields, _capacity(seen), cut=UNITS[cut], cut_seen=True)
    for batch in seen_batches(seen, ("symbol", "trade_id", *fields), what=what):
        whole = batch
        if batch.column("symbol").null_count or batch.column("trade_id").null_count:
            whole = batch.filter(
                pc.and_(batch.column("symbol").is_valid(), batch.column("trade_id").is_valid())
            )
        maker.add(whole)
    return maker.done()


class Maker:
    """Collects rows and makes a reference of them.

    Args:
        fields: Fields whose values are kept.
        capacity: How many rows are expected.
        cut: Times are cut to a multiple of this before they are compared.
        cut_seen: Cut the times that are compared with these as well.
    """

    def __init__(
        self, fields: Sequence[str], capacity: int = 0, *, cut: int = 1, cut_seen: bool = False
    ) -> None:
        self._symbols = Vocabulary()
        self._codes = Growing(np.int32, capacity)
        self._ids = Growing(np.int64, capacity)
        self._columns = {field: column_for(field, capacity, cut=cut, cut_seen=cut_seen) for field in fields}
        self._left_out: list[pa.Table] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows in their order."""
        if not len(batch):
            return
        self._codes.append(self._symbols.learn(batch.column("symbol")))
        self._ids.append(batch.column("trade_id").to_numpy())
        for field, column in self._columns.items():
            column.append(batch.column(field))

    def add_named(self, batch: pa.RecordBatch) -> int:
        """Add the rows that have a symbol and an id, and return how many have not."""
        symbol, trade_id = batch.column("symbol"), batch.column("trade_id")
        if not symbol.null_count and not trade_id.null_count:
            self.add(batch)
            return 0
        named = batch.filter(pc.and_(symbol.is_valid(), trade_id.is_valid()))
        self.add(named)
        return len(batch) - len(named)

    def leave_out(self, batch: pa.RecordBatch) -> None:
        """Remember rows that must not be seen."""
        self._left_out.append(pa.Table.from_batches([batch.select(["symbol", "trade_id", "expect"])]))

    def done(self) -> Reference:
        """Return the reference."""
        codes, ids = self._used_symbols(self._codes.array()), self._ids.array()
        indexed = index(codes, ids, len(self._symbols))
        conflicts = np.empty(0, np.int64)
        if len(indexed.repeated):
            again, first = indexed.repeated[:, 0], indexed.repeated[:, 1]
            differs = np.zeros(len(again), bool)
            for column in self._columns.values():
                differs |= column.differs_within(again, first)
            conflicts = np.unique(indexed.keys.find(codes[again[differs]], ids[again[differs]]))
        return Reference(
            self._symbols, indexed.keys, indexed.rows, self._columns, conflicts, tuple(self._left_out)
        )

    def _used_symbols(self, codes: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Number only symbols that have rows: a dictionary may hold words that no row uses."""
        used = np.bincount(codes, minlength=len(self._symbols)) > 0
        if used.all():
            return codes
        words = pa.array([self._symbols.word(int(code)) for code in np.flatnonzero(used)], pa.string())
        self._symbols = Vocabulary()
        self._symbols.learn(words)
        renumbered: npt.NDArray[np.int32] = (np.cumsum(used) - 1).astype(np.int32).take(codes)
        return renumbered


def _capacity(rows: AnyRows) -> int:
    return rows.num_rows if isinstance(rows, pa.Table | Rows) else 0


def _check(batch: pa.RecordBatch, columns: Sequence[str], schema: pa.Schema, what: str) -> None:
    for name in columns:
        if name not in batch.schema.names:
            raise ValueError(f"{what}: column {name} is missing")
        found, wanted = _plain(batch.schema.field(name).type), schema.field(name).type
        if found != wanted:
            raise ValueError(f"{what}: column {name} is {found}, it must be {wanted}")


def _plain(kind: Any) -> Any:  # noqa: ANN401 - pyarrow publishes no types
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.string() if pa.types.is_large_string(kind) else kind
