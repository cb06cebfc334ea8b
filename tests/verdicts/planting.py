"""Random ledgers with planted faults, and the exact list of what was planted."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from tickproof.ledger import SEEN, SENT, as_table
from tickproof.ledger.schemas import DECIMAL, EVENT_TIME
from tickproof.verdicts import Kind

CLEAN, LOST, DUPLICATED, ALTERED, SWAPPED = range(5)
FIELDS = ("price", "quantity", "event_time", "side")
SIDES = np.array(["buy", "sell"])
MOST_ROWS = 50_000
APART = 16  # offsets lie apart, so that copies fit in between
Planting = set[tuple[Kind, str | None, int | None, str | None]]


@dataclass
class Ledgers:
    sent: pa.Table
    seen: pa.Table
    planted: Planting
    counts: dict[Kind, int] = field(default_factory=dict)

    def batches(self, rng: np.random.Generator) -> list[pa.RecordBatch]:
        """Cut what was seen into batches of any size."""
        largest = int(rng.choice([max(1, self.seen.num_rows // 50), 7, 1000, MOST_ROWS]))
        largest = max(largest, self.seen.num_rows // 300)
        return self.seen.to_batches(max_chunksize=largest)


def decimals(low: np.ndarray, high: np.ndarray) -> pa.Array:
    words = np.column_stack([low.astype(np.uint64), high.astype(np.uint64)])
    return pa.Array.from_buffers(DECIMAL, len(words), [None, pa.py_buffer(np.ascontiguousarray(words))])


def draw_ids(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw ids of one symbol in the order sent: running, with holes, huge and far apart, or not ascending."""
    style = rng.choice(["running", "holes", "huge", "mixed"], p=[0.6, 0.15, 0.1, 0.15])
    if style == "running":
        return np.arange(count) + int(rng.integers(-5, 2**40))
    if style == "huge":
        ids = np.unique(rng.integers(-(2**63) + 1, 2**63 - 1, count + 8))
        return np.sort(rng.permutation(ids)[:count])
    ids = np.cumsum(rng.integers(1, 4, count)) + int(rng.integers(0, 2**40))
    if style == "mixed":
        ids = ids[np.argsort(np.arange(count) + rng.integers(0, 5, count), kind="stable")]
    return ids


def pick(rng: np.random.Generator, starts: np.ndarray, count: int) -> np.ndarray:
    """Pick positions for a fault: none, one, at the ends of symbols, a stretch of neighbours, scattered."""
    style = rng.choice(["none", "one", "ends", "stretch", "some", "many"], p=[0.3, 0.15, 0.15, 0.15, 0.2, 0.05])
    if style == "none":
        return np.empty(0, np.int64)
    if style == "one":
        return rng.integers(0, count, 1)
    if style == "ends":
        ends = np.concatenate([starts[:-1], starts[1:] - 1])
        return rng.choice(ends, max(1, len(ends) // 2))
    if style == "stretch":
        begin = int(rng.integers(0, count))
        return np.arange(begin, min(count, begin + int(rng.integers(2, 12))))
    return np.flatnonzero(rng.random(count) < (0.01 if style == "some" else 0.3))


def plant(seed: int, rows: int | None = None) -> Ledgers:
    """Draw a ledger of 1 to 50,000 rows, what a hop shows of it, and what was done to it on the way."""
    rng = np.random.default_rng(seed)
    count = rows or int(np.exp(rng.uniform(0, np.log(MOST_ROWS))))
    symbols = int(rng.integers(1, min(count, 30) + 1))
    names = np.array([f"S{code}USDT" for code in range(symbols)], object)
    codes = np.sort(np.concatenate([np.arange(symbols), rng.integers(0, symbols, count - symbols)]))
    starts = np.searchsorted(codes, np.arange(symbols + 1))
    ids = np.concatenate([draw_ids(rng, size) for size in np.diff(starts)])

    # Positions are by symbol and sending; `sending` interleaves the symbols on the wire.
    sending = np.argsort(rng.permutation(codes), kind="stable")
    price = [rng.integers(0, 2**63, count).astype(np.uint64), rng.integers(0, 2**62, count).astype(np.uint64)]
    quantity = [rng.integers(1, 2**63, count).astype(np.uint64), np.zeros(count, np.uint64)]
    times = rng.integers(0, 2**61, count)
    sides = rng.integers(0, 2, count)

    def trades(at: np.ndarray) -> dict[str, object]:
        return {
            "symbol": pa.array(names[codes[at]], pa.string()),
            "trade_id": pa.array(ids[at], pa.int64()),
            "price": decimals(price[0][at], price[1][at]),
            "quantity": decimals(quantity[0][at], quantity[1][at]),
            "event_time": pa.array(times[at]).cast(EVENT_TIME),
            "side": pa.array(SIDES[sides[at]]),
        }

    wire = np.argsort(sending)
    expect = pa.array(np.full(count, "stored"))
    sent = as_table(SENT, {**trades(wire), "expect": expect, "copies": np.ones(count, np.int32)})

    fate = np.zeros(count, np.int8)
    for fault in rng.permutation([LOST, DUPLICATED, ALTERED]):
        chosen = pick(rng, starts, count)
        fate[chosen[fate[chosen] == CLEAN]] = fault
    pairs = _swap(rng, codes, starts, fate)

    lanes = codes % int(rng.integers(1, 13))
    offsets = np.empty(count, np.int64)
    by_lane = np.lexsort((sending, lanes))
    offsets[by_lane] = np.arange(count) * APART
    offsets[pairs[:, 0]], offsets[pairs[:, 1]] = offsets[pairs[:, 1]], offsets[pairs[:, 0]]

    kept = np.flatnonzero(fate != LOST)
    copied = np.flatnonzero(fate == DUPLICATED)
    times_more = rng.integers(1, 4, len(copied))
    copies = np.repeat(copied, times_more)
    far = rng.random(len(copies)) < 0.5
    copy_offsets = np.where(far, (count + np.arange(len(copies))) * APART, offsets[copies] + 1)
    at = np.concatenate([kept, copies])
    seen_offsets = np.concatenate([offsets[kept], copy_offsets])

    planted: Planting = set()
    altered = np.flatnonzero(fate[at] == ALTERED)
    which = rng.integers(0, 4, len(altered))
    seen_price = [price[0][at], price[1][at]]
    seen_quantity = [quantity[0][at], quantity[1][at]]
    seen_times, seen_sides = times[at], sides[at]
    for row, name in zip(altered, which, strict=True):
        # Low bit: the last of 18 decimals. Others: any digit.
        if name == 0:
            seen_price[int(rng.integers(0, 2))][row] ^= np.uint64(1) << np.uint64(rng.choice([0, 0, 1, 30, 61]))
        elif name == 1:
            seen_quantity[0][row] ^= np.uint64(1) << np.uint64(rng.choice([0, 0, 5, 62]))
        elif name == 2:
            seen_times[row] ^= 1 << int(rng.choice([0, 0, 10, 40]))
        else:
            seen_sides[row] ^= 1
        planted.add((Kind.ALTERED, names[codes[at[row]]], int(ids[at[row]]), FIELDS[name]))
    for fault, kind in ((LOST, Kind.LOST), (DUPLICATED, Kind.DUPLICATED)):
        planted |= {(kind, names[codes[p]], int(ids[p]), None) for p in np.flatnonzero(fate == fault)}
    planted |= {(Kind.OUT_OF_ORDER, names[codes[p]], int(ids[p]), "order") for p in pairs[:, 0]}

    columns = {
        "symbol": pa.array(names[codes[at]], pa.string()),
        "trade_id": pa.array(ids[at], pa.int64()),
        "price": decimals(*seen_price),
        "quantity": decimals(*seen_quantity),
        "event_time": pa.array(seen_times).cast(EVENT_TIME),
        "side": pa.array(SIDES[seen_sides]),
        "source": pa.array(np.full(len(at), "live")),
        "lane": lanes[at],
        "offset": seen_offsets,
    }
    seen = as_table(SEEN, columns)
    phantoms = _phantoms(rng, seen, names, {name: set(ids[codes == code]) for code, name in enumerate(names)})
    planted |= {(Kind.PHANTOM, s, i, None) for s, i in zip(*phantoms.select([0, 1]).to_pydict().values(), strict=True)}
    seen = pa.concat_tables([seen, phantoms])

    window = int(rng.choice([1, 10, 1000]))
    arrival = np.arange(seen.num_rows) if rng.random() < 0.5 else np.argsort(seen["offset"].to_numpy(), kind="stable")
    arrival = arrival[np.argsort(np.arange(len(arrival)) + rng.integers(0, window, len(arrival)), kind="stable")]
    seen = seen.take(pa.array(arrival))
    if rng.random() < 0.5:  # as a Parquet file gives it
        for name in ("symbol", "side", "source"):
            seen = seen.set_column(seen.schema.get_field_index(name), name, seen[name].dictionary_encode())
    counts = {
        Kind.LOST: int(np.count_nonzero(fate == LOST)),
        Kind.DUPLICATED: len(copies),
        Kind.ALTERED: len(altered),
        Kind.PHANTOM: phantoms.num_rows,
        Kind.OUT_OF_ORDER: len(pairs),
    }
    return Ledgers(sent, seen, planted, counts)


def _swap(rng: np.random.Generator, codes: np.ndarray, starts: np.ndarray, fate: np.ndarray) -> np.ndarray:
    """Choose pairs of neighbours, as the hop shows them, that are to change places."""
    alive = np.flatnonzero(fate != LOST)
    if len(alive) < 2:
        return np.empty((0, 2), np.int64)
    pairs, last = [], -1
    for place in np.unique(pick(rng, starts, len(codes)) % (len(alive) - 1)):
        one, two = alive[place], alive[place + 1]
        whole = fate[one] in (CLEAN, ALTERED) and fate[two] in (CLEAN, ALTERED)
        if place > last and codes[one] == codes[two] and whole:
            pairs.append((one, two))
            last = place + 1
    return np.array(pairs, np.int64).reshape(-1, 2)


def _phantoms(
    rng: np.random.Generator, seen: pa.Table, names: np.ndarray, taken: dict[str, set[int]]
) -> pa.Table:
    """Make rows that nobody sent: ids next to real ones, far ones, unknown symbols, rows without a key."""
    wanted = int(rng.choice([0, 0, 0, 1, 2, 20]))
    keys: list[tuple[str | None, int | None]] = []
    for _ in range(wanted):
        name = str(rng.choice(names))
        ids = taken[name]
        near = int(rng.choice([min(ids) - 1, max(ids) + 1])) if min(ids) > -(2**62) and max(ids) < 2**62 else 0
        style = rng.choice(["near", "far", "stranger", "nameless", "numberless"], p=[0.5, 0.2, 0.2, 0.05, 0.05])
        if style in ("near", "far"):
            trade_id = near if style == "near" else int(rng.choice([-(2**63), 2**63 - 1, 0, -1]))
            if trade_id not in ids and (name, trade_id) not in keys:
                keys.append((name, trade_id))
        elif (key := (f"X{len(keys)}", 1) if style == "stranger" else (None, 1) if style == "nameless" else (name, None)):
            if key not in keys:
                keys.append(key)
    rows = len(keys)
    return as_table(
        SEEN,
        {
            "symbol": pa.array([symbol for symbol, _ in keys], pa.string()),
            "trade_id": pa.array([trade_id for _, trade_id in keys], pa.int64()),
            "price": decimals(np.ones(rows), np.zeros(rows)),
            "source": pa.array(["live"] * rows, pa.string()),
            "lane": np.zeros(rows, np.int64),
            "offset": np.arange(rows) * APART + 1,
        },
    )
