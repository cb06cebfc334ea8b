"""How many rows came in each slice of time: what a chart of sent and seen shows."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tickproof.ledger.rows import AnyRows, batches_of


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Counts by slices of time; slices without a row are left out.

    Attributes:
        every_ns: Width of a slice.
        starts_ns: Where each slice starts, ascending.
        counts: How many rows lie in it.
    """

    every_ns: int
    starts_ns: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]


def arrivals(rows: AnyRows, *, column: str, every_ns: int = 100_000_000) -> Arrivals:
    """Count rows by slices of time. Rows without a time are left out.

    Args:
        rows: Rows of `SENT` or `SEEN`.
        column: The time to count by: `handed_ns` or `gone_ns` of what was sent, `seen_ns` or `hop_time_ns` of
            what a hop showed.
        every_ns: Width of a slice in ns.

    Raises:
        ValueError: The rows have no such column, or a slice has no width.
    """
    if every_ns <= 0:
        raise ValueError(f"a slice of time must be wider than 0 ns, not {every_ns}")
    counts: dict[int, int] = {}
    for batch in batches_of(rows, (column,)):
        if column not in batch.schema.names:
            raise ValueError(f"column {column} is missing, so arrivals cannot be counted")
        times = batch.column(column).drop_null().to_numpy()
        slices, rows_in = np.unique(times // every_ns, return_counts=True)
        for start, count in zip(slices.tolist(), rows_in.tolist(), strict=True):
            counts[start] = counts.get(start, 0) + count
    ordered = sorted(counts)
    return Arrivals(
        every_ns,
        np.array(ordered, np.int64) * every_ns,
        np.array([counts[start] for start in ordered], np.int64),
    )
