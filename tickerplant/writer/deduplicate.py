"""Each (symbol, trade id) once: of what was polled, keep what neither the table nor the batch itself has."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickerplant.writer.intervals import Integers, Intervals

# Looks into the table: which of these ids (sorted) of one symbol are stored?
StoredIds = Callable[[str, Integers], Integers]

# Intervals a symbol that are kept in memory; what is older is looked up in the table.
INTERVALS_A_SYMBOL = 1_024


@dataclass(frozen=True)
class Fresh:
    """What is to be stored of a batch.

    Attributes:
        rows: the rows that are new, sorted by symbol and trade id.
        ids: what will be known once they are stored.
        dropped: how many rows were repetitions.
    """

    rows: pa.Table
    ids: Intervals
    dropped: int


class Deduplicator:
    """Drops repetitions, and only those: a late or repaired trade is kept.

    Args:
        stored_ids: looks ids up in the table that are too old for the intervals.
        limit: intervals a symbol to be kept in memory.
    """

    def __init__(self, stored_ids: StoredIds, limit: int = INTERVALS_A_SYMBOL) -> None:
        self._stored_ids = stored_ids
        self._limit = limit

    def fresh(self, rows: pa.Table, ids: Intervals) -> Fresh:
        """Return the rows that are not stored yet; of repetitions within the batch the first polled stays."""
        if not len(rows):
            return Fresh(rows, ids, 0)
        encoded = rows["symbol"].combine_chunks().dictionary_encode()
        names = encoded.dictionary.to_pylist()
        by_name = np.argsort(np.array([name.encode() for name in names], dtype=object), kind="stable")
        rank = np.empty(len(names), dtype=np.int64)
        rank[by_name] = np.arange(len(names))
        ids = ids.with_symbols(names)
        code_of_rank = ids.code_of([names[place] for place in by_name.tolist()])

        row_rank = rank[encoded.indices.to_numpy()]
        row_id = rows["trade_id"].to_numpy()
        order = np.lexsort((row_id, row_rank))  # stable: equal keys stay in the order they were polled
        row_rank, row_id = row_rank[order], row_id[order]
        first = np.concatenate([[True], (np.diff(row_rank) != 0) | (np.diff(row_id) != 0)])
        codes = code_of_rank[row_rank]
        new = first & ~ids.contain(codes, row_id)
        new[new] = ~self._in_table(codes[new], row_id[new], ids)

        kept = rows.take(pa.array(order[new]))
        return Fresh(
            rows=kept,
            ids=ids.add(codes[new], row_id[new]).bounded(self._limit),
            dropped=len(rows) - len(kept),
        )

    def _in_table(self, codes: Integers, row_ids: Integers, ids: Intervals) -> np.ndarray:
        """Tell which of these rows the table has, where only the table can say."""
        stored = np.zeros(len(row_ids), dtype=bool)
        asked = ids.below_floor(codes, row_ids)
        for code in np.unique(codes[asked]).tolist():
            here = asked & (codes == code)
            stored[here] = np.isin(row_ids[here], self._stored_ids(ids.symbols[code], row_ids[here]))
        return stored


def distinct_ids(rows: pa.Table, ids: Intervals) -> Intervals:
    """Add the keys of rows that are stored, in any order and with repetitions, to `ids`."""
    encoded = rows["symbol"].combine_chunks().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    ids = ids.with_symbols(names)
    codes = ids.code_of(names)[encoded.indices.to_numpy()]
    row_ids = pc.cast(rows["trade_id"], pa.int64()).to_numpy()
    order = np.lexsort((row_ids, codes))
    codes, row_ids = codes[order], row_ids[order]
    first = np.concatenate([[True], (np.diff(codes) != 0) | (np.diff(row_ids) != 0)])
    new = first & ~ids.contain(codes, row_ids)
    return ids.add(codes[new], row_ids[new])
