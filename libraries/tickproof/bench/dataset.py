"""A large ledger for the bench: drawn a million rows at a time, so that making it needs little memory."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tickproof.bench.process import say
from tickproof.ledger import SEEN, SENT, as_table, save
from tickproof.ledger.schemas import DECIMAL, EVENT_TIME, STORED
from tickproof.verdicts import Guarantee

ROWS_A_PIECE = 1_000_000
SYMBOLS = 200
LANES = 12
WINDOW = 1_000  # how far a row may arrive from where it was sent
FAULTS_A_PIECE = 10  # of each kind
SEED = 20_260_102

Ints = npt.NDArray[np.int64]


def write(folder: str, rows: int) -> dict[str, int]:
    """Save a ledger with one hop, `kafka`, and return how many faults of each kind were planted in it."""
    how = {"guarantee": Guarantee.EXACTLY_ONCE, "order": True, "lanes": True}
    sent = (batch for table, _ in _pieces(rows, "sent") for batch in table.to_batches())
    seen = (batch for _, table in _pieces(rows, "seen") for batch in table.to_batches())
    save(Path(folder), sent, {"kafka": seen}, {"seed": SEED, "hops": {"kafka": how}})
    planted = FAULTS_A_PIECE * -(-rows // ROWS_A_PIECE)
    return {"lost": planted, "duplicated": planted, "altered": planted, "phantom": 0}


def _pieces(rows: int, what: str) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yield what was sent and what was seen, the same at every call."""
    rng = np.random.default_rng(SEED)
    shares = rng.random(SYMBOLS) ** 2 + 0.05
    next_ids = rng.integers(1, 10**9, SYMBOLS)
    next_offsets = np.zeros(LANES, np.int64)
    for begin in range(0, rows, ROWS_A_PIECE):
        say(f"writing {rows:,} trades {what}: {begin:,}")
        count = min(ROWS_A_PIECE, rows - begin)
        codes = rng.choice(SYMBOLS, count, p=shares / shares.sum())
        lanes = codes % LANES
        trades = {
            "symbol": _words(codes, [f"COIN{code}USDT" for code in range(SYMBOLS)]),
            "trade_id": _numbered(codes, next_ids),
            "price": _decimals(rng.integers(10**6, 10**12, count)),
            "quantity": _decimals(rng.integers(1, 10**10, count)),
            "event_time": pa.array(10**18 + (begin + np.arange(count)) * 360_000).cast(EVENT_TIME),
            "side": _words(rng.integers(0, 2, count), ["buy", "sell"]),
        }
        offsets = _numbered(lanes, next_offsets)
        live = _words(np.zeros(count, np.int64), ["live"])
        sent = as_table(SENT, {**trades, "expect": _words(np.zeros(count, np.int64), [STORED])})
        seen = as_table(SEEN, {**trades, "source": live, "lane": lanes, "offset": offsets})
        yield sent, _with_faults(rng, seen)


def _numbered(groups: Ints, following: Ints) -> Ints:
    """Count on within each group, and move on what follows."""
    by_group = np.argsort(groups, kind="stable")
    counts = np.bincount(groups, minlength=len(following))
    within = np.arange(len(groups)) - np.repeat(np.cumsum(counts) - counts, counts)
    numbers = np.empty(len(groups), np.int64)
    numbers[by_group] = within + np.repeat(following, counts)
    following += counts
    return numbers


def _decimals(hundred_millionths: Ints) -> pa.Array:
    """Return decimals with eight digits after the point."""
    words = np.zeros((len(hundred_millionths), 2), np.int64)
    words[:, 0] = hundred_millionths
    eight = pa.Array.from_buffers(pa.decimal128(28, 8), len(words), [None, pa.py_buffer(words)])
    return eight.cast(DECIMAL)


def _words(codes: Ints, words: list[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(words))


def _with_faults(rng: np.random.Generator, seen: pa.Table) -> pa.Table:
    """Lose, repeat and alter some rows, and let all arrive a little out of the order sent."""
    lost, repeated, altered = rng.permutation(seen.num_rows)[: 3 * FAULTS_A_PIECE].reshape(3, -1)
    sells = (seen["side"].to_numpy() == "sell").astype(np.int64)
    sells[altered] ^= 1
    sides = _words(sells, ["buy", "sell"]).cast(pa.string())
    seen = seen.set_column(seen.schema.get_field_index("side"), "side", sides)
    rows = np.sort(np.concatenate([np.delete(np.arange(seen.num_rows), lost), repeated]))
    arrival = np.argsort(np.arange(len(rows)) + rng.integers(0, WINDOW, len(rows)), kind="stable")
    return seen.take(pa.array(rows[arrival]))
