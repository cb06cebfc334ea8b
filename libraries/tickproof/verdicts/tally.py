"""Count how often each trade was seen, which rows differ, and which belong to nobody."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tickproof.verdicts.content import value_text
from tickproof.verdicts.findings import Anomaly, Kind
from tickproof.verdicts.keys import Ints
from tickproof.verdicts.reference import Located, Reference
from tickproof.verdicts.vocabulary import UNKNOWN


@dataclass
class Tally:
    """Takes the batches of one hop, one after the other.

    Args:
        reference: What the hop is compared with.
        fields: Fields that must be equal.
        max_named: How many altered and how many phantom rows are named at most.
    """

    reference: Reference
    fields: Sequence[str]
    max_named: int
    seen: int = 0
    phantom: int = 0
    altered: int = 0
    named: list[Anomaly] = field(default_factory=list)
    counts: npt.NDArray[np.uint32] = field(init=False)
    altered_positions: list[Ints] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counts = np.zeros(len(self.reference.keys), np.uint32)

    def add(self, located: Located) -> Located:
        """Take a batch; return its rows that are in the reference."""
        self.seen += len(located.batch)
        if located.known is not None:
            self._take_phantoms(located.only(~located.known))
        known = located.only_known()
        if len(known.positions):
            np.add.at(self.counts, known.positions, np.ones(len(known.positions), np.uint32))
            self._compare(known)
        return known

    @property
    def lost(self) -> Ints:
        """Return the positions that were never seen."""
        return np.flatnonzero(self.counts == 0)

    @property
    def repeated(self) -> Ints:
        """Return the positions that were seen more than once."""
        return np.flatnonzero(self.counts > 1)

    @property
    def surplus(self) -> int:
        """Return how many rows stand beyond the first of their trade."""
        return self.seen - self.phantom - int(np.count_nonzero(self.counts))

    def _compare(self, known: Located) -> None:
        rows = self.reference.rows.take(known.positions)
        wrong = np.zeros(len(rows), bool)
        for name in self.fields:
            mask = self.reference.columns[name].differs(rows, known.batch.column(name))
            if mask is None:
                continue
            wrong |= mask
            for place in np.flatnonzero(mask)[: self._room(Kind.ALTERED)]:
                self._name_altered(known, name, int(rows[place]), int(place))
        if wrong.any():
            self.altered += int(np.count_nonzero(wrong))
            self.altered_positions.append(known.positions[wrong])

    def _name_altered(self, known: Located, name: str, row: int, place: int) -> None:
        position = int(known.positions[place])
        symbol, trade_id = self.reference.key(position)
        before, after = self.reference.keys.neighbours(position)
        self.named.append(
            Anomaly(
                Kind.ALTERED,
                symbol,
                trade_id,
                before,
                after,
                field=name,
                expected=self.reference.columns[name].text(row),
                got=value_text(known.batch.column(name), place),
                where=where(known.batch, place),
            )
        )

    def _take_phantoms(self, strangers: Located) -> None:
        self.phantom += len(strangers.batch)
        for place in range(min(len(strangers.batch), self._room(Kind.PHANTOM))):
            symbol = strangers.batch.column("symbol")[place].as_py()
            trade_id = strangers.batch.column("trade_id")[place].as_py()
            code = int(strangers.codes[place])
            around = self.reference.keys.around(code, trade_id) if code != UNKNOWN else (None, None)
            self.named.append(
                Anomaly(
                    Kind.PHANTOM,
                    symbol,
                    trade_id,
                    *around,
                    expected=self._expected_of(symbol, trade_id),
                    where=where(strangers.batch, place),
                )
            )

    def _expected_of(self, symbol: str | None, trade_id: int | None) -> str | None:
        """Return what was expected of a key that was sent but must not be seen."""
        for table in self.reference.left_out:
            same = pc.and_(pc.equal(table["symbol"], symbol), pc.equal(table["trade_id"], trade_id))
            found = table["expect"].filter(same)
            if len(found):
                return str(found[0].as_py())
        return None

    def _room(self, kind: Kind) -> int:
        return max(0, self.max_named - sum(anomaly.kind is kind for anomaly in self.named))


def where(batch: pa.RecordBatch, place: int) -> str | None:
    """Tell where at the hop a row stands."""
    parts = [
        f"{name} {batch.column(name)[place].as_py():,}"
        for name in ("lane", "offset")
        if name in batch.schema.names and batch.column(name)[place].is_valid
    ]
    return ", ".join(parts) or None
