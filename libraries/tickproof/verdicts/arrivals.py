"""How many rows came in each slice of time: what a chart of sent and seen shows."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tickproof.ledger.rows import AnyRows


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
        column: The time to count by: "handed_ns" or "gone_ns" of what was sent, "seen_ns" or "hop_time_ns" of a hop.
        every_ns: Width of a slice in ns.
    """
    raise NotImplementedError
