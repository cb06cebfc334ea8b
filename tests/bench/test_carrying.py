"""How far behind a lake is, and whether memory stays flat: worked out from samples."""

from pathlib import Path

import numpy as np
import pytest
from tickproof import ledger
from tickproof.bench.carrying import NEVER, Sample, _oldest_from_here, lag_s, slope_mb_a_minute
from tickproof.exchange.client import Lease, LeasedSymbol
from tickproof.ledger import SEEN, SENT, as_table

SECOND = 1_000_000_000


def sample(at_s: float, stored: dict[int, int], rss_mb: float = 100.0) -> Sample:
    """Return a sample of one service."""
    return Sample(int(at_s * SECOND), 0, sending=True, stored=stored, rss_mb={"writer": rss_mb})


def test_lag_is_the_age_of_the_oldest_trade_that_the_lake_lacks() -> None:
    lanes = {0: (10, np.array([1, 2, 3]) * SECOND), 4: (0, np.array([2, 5]) * SECOND)}
    assert lag_s(sample(6, {0: 13, 4: 2}), lanes) == 0
    assert lag_s(sample(6, {0: 12, 4: 2}), lanes) == 3
    assert lag_s(sample(6, {0: 12, 4: 0}), lanes) == 4
    assert lag_s(sample(6, {}), lanes) == 5


def test_a_trade_that_is_not_sent_yet_is_not_behind() -> None:
    assert lag_s(sample(4, {0: 0}), {0: (0, np.array([5 * SECOND]))}) == 0


def test_offsets_are_joined_with_when_the_trades_were_sent(tmp_path: Path) -> None:
    symbols, ids = ["AUSDT", "BUSDT", "AUSDT", "BUSDT"], [7, 100, 8, 101]
    sent = as_table(
        SENT,
        {"symbol": symbols, "trade_id": ids, "due_ns": [1, 2, 3, 4], "handed_ns": [11, 12, 13, None]},
    )
    # The lane of AUSDT holds its later trade first: what stands behind it is older.
    seen = as_table(
        SEEN,
        {
            "symbol": ["BUSDT", "AUSDT", "AUSDT", "BUSDT", "STRANGE", "AUSDT"],
            "trade_id": [100, 8, 7, 101, 1, 9],
            "lane": [3, 5, 5, 3, 3, 6],
            "offset": [20, 0, 1, 21, 22, 0],
        },
    )
    saved = ledger.load(ledger.save(tmp_path / "ledger", sent, {"kafka": seen}, {}))
    lease = Lease("1", (LeasedSymbol("AUSDT", 7), LeasedSymbol("BUSDT", 100)))
    lanes = _oldest_from_here(saved.sent, saved.seen["kafka"], lease)
    assert {lane: (first, times.tolist()) for lane, (first, times) in lanes.items()} == {
        3: (20, [4, 4, NEVER]),
        5: (0, [11, 11]),
        6: (0, [NEVER]),
    }


def test_a_short_peak_is_no_growth() -> None:
    flat = [sample(n / 2, {}, 100 + 60 * (n == 37)) for n in range(40)]
    assert slope_mb_a_minute(flat, "writer") == 0


def test_growth_is_told_a_minute() -> None:
    growing = [sample(n / 2, {}, 100 + n) for n in range(40)]
    assert slope_mb_a_minute(growing, "writer") == pytest.approx(120)
