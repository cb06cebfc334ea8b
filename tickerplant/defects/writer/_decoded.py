"""Changes values of some rows between decoding and the table, or adds rows like them."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickerplant.defects.binding import Every, Wrapped
from tickerplant.defects.model import Around
from tickerplant.writer.decode import Decoded, Decoder
from tickerplant.writer.source import Polled

Which = Callable[[pa.Table], np.ndarray]
"""Tells of each row whether it is to be changed."""

Change = Callable[[pa.ChunkedArray], pa.ChunkedArray]


class Changed(Wrapped[Decoder]):
    """Decodes as usual, but with other values of one column in some rows.

    Args:
        part: The usual decoder.
        around: What else there is.
        column: The column.
        which: Which rows.
        change: What becomes of the column's values.
    """

    def __init__(self, part: Decoder, around: Around, column: str, which: Which, change: Change) -> None:
        super().__init__(part, around)
        self._column, self._which, self._change = column, which, change

    def decode(self, polled: Polled) -> Decoded:
        decoded = self.part.decode(polled)
        rows: pa.Table = decoded.rows
        flags = self._which(rows)
        usual = rows[self._column]
        changed = (
            pc.if_else(pa.array(flags, pa.bool_()), self._change(usual), usual) if flags.any() else usual
        )
        if changed.equals(usual):
            return decoded
        self.reached()
        place = rows.schema.get_field_index(self._column)
        field = rows.schema.field(self._column)
        return Decoded(rows.set_column(place, field, changed.cast(field.type)), decoded.rejects)


class Added(Changed):
    """The same, but the rows as they were stay: those with other values come beside them."""

    def decode(self, polled: Polled) -> Decoded:
        decoded = self.part.decode(polled)
        rows: pa.Table = decoded.rows
        extra = rows.filter(pa.array(self._which(rows), pa.bool_()))
        if not len(extra):
            return decoded
        self.reached()
        place = rows.schema.get_field_index(self._column)
        extra = extra.set_column(place, rows.schema.field(place), self._change(extra[self._column]))
        return Decoded(pa.concat_tables([rows, extra]), decoded.rejects)


def rarely(n: int, first: int | None = None) -> Which:
    """Return what picks every n-th row, however many are polled at once."""
    turn = Every(n, first)
    return lambda rows: np.array([turn() for _ in range(len(rows))], dtype=bool)
