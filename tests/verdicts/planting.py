"""Random ledgers with planted faults, and the exact list of what was planted."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from tickproof.ledger import SEEN, SENT, as_table
from tickproof.ledger.schemas import DECIMAL, EVENT_TIME
from tickproof.verdicts import Kind

CLEAN, LOST, DUPLICATED, ALTERED = range(4)
SIDES = np.array(["buy", "sell"])
MOST_ROWS = 50_000
APART = 16  # offsets lie apart, so that copies fit in between
# Which bit of which array changes, and the field that it belongs to: the last of 18 decimals, or any other digit.
CHANGES = [
    ("price_low", 0, "price"),
    ("price_low", 30, "price"),
    ("price_high", 61, "price"),
    ("quantity", 0, "quantity"),
    ("quantity", 62, "quantity"),
    ("time", 0, "event_time"),
    ("time", 40, "event_time"),
    ("side", 0, "side"),
]
Named = set[tuple[Kind, str | None, int | None, str | None]]


@dataclass
class Ledgers:
    sent: pa.Table
    seen: pa.Table
    planted: Named
    counts: dict[Kind, int]

    def batches(self, rng: np.random.Generator) -> list[pa.RecordBatch]:
        """Cut what was seen into batches of any size."""
        rows = self.seen.num_rows
        return self.seen.to_batches(
            max_chunksize=max(int(rng.choice([1, 7, 1000, MOST_ROWS])), rows // 300, 1)
        )


@dataclass
class Trades:
    """The trades of a plan as plain numbers, by symbol and sending."""

    codes: np.ndarray
    ids: np.ndarray
    values: dict[str, np.ndarray]

    def take(self, at: np.ndarray) -> "Trades":
        return Trades(self.codes[at], self.ids[at], {name: array[at] for name, array in self.values.items()})

    def name(self, row: int) -> tuple[str, int]:
        return f"S{self.codes[row]}USDT", int(self.ids[row])

    def columns(self) -> dict[str, object]:
        value = self.values
        symbols = pa.array([f"S{code}USDT" for code in range(int(self.codes.max(initial=0)) + 1)])
        return {
            "symbol": symbols.take(pa.array(self.codes)),
            "trade_id": self.ids,
            "price": decimals(value["price_low"], value["price_high"]),
            "quantity": decimals(value["quantity"], np.zeros_like(value["quantity"])),
            "event_time": pa.array(value["time"]).cast(EVENT_TIME),
            "side": pa.array(SIDES[value["side"]]),
        }


def decimals(low: np.ndarray, high: np.ndarray) -> pa.Array:
    words = np.ascontiguousarray(np.column_stack([low, high]).astype(np.int64))
    return pa.Array.from_buffers(DECIMAL, len(words), [None, pa.py_buffer(words)])


def plant(seed: int, rows: int | None = None) -> Ledgers:
    """Draw a ledger of 1 to 50,000 rows, what a hop shows of it, and what was done to it on the way."""
    rng = np.random.default_rng(seed)
    plan = draw_trades(rng, rows or int(np.exp(rng.uniform(0, np.log(MOST_ROWS)))))
    count = len(plan.codes)
    sending = np.argsort(rng.permutation(plan.codes), kind="stable")  # interleaves the symbols on the wire
    wire = plan.take(np.argsort(sending))
    sent = as_table(
        SENT, wire.columns() | {"expect": np.full(count, "stored"), "copies": np.ones(count, np.int32)}
    )

    fate = np.zeros(count, np.int8)
    for fault in rng.permutation([LOST, DUPLICATED, ALTERED]):
        chosen = pick(rng, plan.codes)
        fate[chosen[fate[chosen] == CLEAN]] = fault
    swapped = pick_pairs(rng, plan.codes, fate)

    lanes = plan.codes % int(rng.integers(1, 13))
    offsets = np.empty(count, np.int64)
    offsets[np.lexsort((sending, lanes))] = np.arange(count) * APART
    offsets[swapped] = offsets[swapped[:, ::-1]]

    kept, repeated = np.flatnonzero(fate != LOST), np.flatnonzero(fate == DUPLICATED)
    copies = np.repeat(repeated, rng.integers(1, 4, len(repeated)))
    at_the_end = (count + np.arange(len(copies))) * APART
    copy_offsets = np.where(rng.random(len(copies)) < 0.5, at_the_end, offsets[copies] + 1)
    shown = plan.take(np.concatenate([kept, copies]))
    planted = alter(rng, shown, np.flatnonzero(fate[kept] == ALTERED))
    planted |= {(Kind.LOST, *plan.name(row), None) for row in np.flatnonzero(fate == LOST)}
    planted |= {(Kind.DUPLICATED, *plan.name(row), None) for row in repeated}
    planted |= {(Kind.OUT_OF_ORDER, *plan.name(row), "order") for row in swapped[:, 0]}

    strangers = draw_phantoms(rng, plan)
    planted |= {(Kind.PHANTOM, *key, None) for key in strangers}
    place = {
        "lane": lanes[np.concatenate([kept, copies])],
        "offset": np.concatenate([offsets[kept], copy_offsets]),
    }
    live = {"source": np.full(len(shown.codes), "live")}
    seen = pa.concat_tables([as_table(SEEN, shown.columns() | place | live), phantoms(strangers)])
    return Ledgers(
        sent,
        arrived(rng, seen),
        planted,
        {
            Kind.LOST: int(np.count_nonzero(fate == LOST)),
            Kind.DUPLICATED: len(copies),
            Kind.ALTERED: int(np.count_nonzero(fate == ALTERED)),
            Kind.PHANTOM: len(strangers),
            Kind.OUT_OF_ORDER: len(swapped),
        },
    )


def draw_trades(rng: np.random.Generator, count: int) -> Trades:
    symbols = int(rng.integers(1, min(count, 30) + 1))
    codes = np.sort(np.concatenate([np.arange(symbols), rng.integers(0, symbols, count - symbols)]))
    ids = np.concatenate([draw_ids(rng, size) for size in np.bincount(codes)])
    values = {
        "price_low": rng.integers(-(2**63), 2**63 - 1, count),
        "price_high": rng.integers(0, 2**61, count),
        "quantity": rng.integers(1, 2**62, count),
        "time": rng.integers(0, 2**61, count),
        "side": rng.integers(0, 2, count),
    }
    return Trades(codes, ids, values)


def draw_ids(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw ids of one symbol in the order sent: running, with holes, huge and far apart, or not ascending."""
    style = rng.choice(["running", "holes", "huge", "mixed", "turned"], p=[0.5, 0.15, 0.1, 0.15, 0.1])
    if style == "running":
        return np.arange(count) + int(rng.integers(-5, 2**40))
    if style == "turned":
        return np.arange(count)[::-1] + 7
    if style == "huge":
        ids = np.unique(rng.integers(-(2**63) + 1, 2**63 - 1, count + 8))
        return np.sort(rng.permutation(ids)[:count])
    ids = np.cumsum(rng.integers(1, 4, count)) + int(rng.integers(0, 2**40))
    if style == "mixed":
        ids = ids[np.argsort(np.arange(count) + rng.integers(0, 5, count), kind="stable")]
    return ids


def pick(rng: np.random.Generator, codes: np.ndarray) -> np.ndarray:
    """Pick rows for a fault: none, one, at the ends of symbols, a stretch of neighbours, scattered."""
    style = rng.choice(
        ["none", "one", "ends", "stretch", "some", "many"], p=[0.3, 0.15, 0.15, 0.15, 0.2, 0.05]
    )
    if style == "none":
        return np.empty(0, np.int64)
    begin = int(rng.integers(0, len(codes)))
    if style == "one":
        return np.array([begin])
    if style == "ends":
        turns = np.flatnonzero(np.diff(codes))
        ends = np.concatenate([[0], turns, turns + 1, [len(codes) - 1]])
        return rng.choice(ends, max(1, len(ends) // 2))
    if style == "stretch":
        return np.arange(begin, min(len(codes), begin + int(rng.integers(2, 12))))
    return np.flatnonzero(rng.random(len(codes)) < (0.01 if style == "some" else 0.3))


def pick_pairs(rng: np.random.Generator, codes: np.ndarray, fate: np.ndarray) -> np.ndarray:
    """Pick pairs that are to change places: neighbours among what is left of a symbol, neither of them repeated."""
    alive = np.flatnonzero(fate != LOST)
    pairs: list[tuple[int, int]] = []
    if len(alive) > 1:
        last = -1
        for place in np.unique(pick(rng, codes) % (len(alive) - 1)):
            one, two = alive[place], alive[place + 1]
            if place > last and codes[one] == codes[two] and DUPLICATED not in fate[[one, two]]:
                pairs.append((one, two))
                last = place + 1
    return np.array(pairs, np.int64).reshape(-1, 2)


def alter(rng: np.random.Generator, shown: Trades, rows: np.ndarray) -> Named:
    planted: Named = set()
    for row, change in zip(rows, rng.integers(0, len(CHANGES), len(rows)), strict=True):
        array, bit, field = CHANGES[change]
        shown.values[array][row] ^= 1 << bit
        planted.add((Kind.ALTERED, *shown.name(row), field))
    return planted


def draw_phantoms(rng: np.random.Generator, plan: Trades) -> list[tuple[str | None, int | None]]:
    """Draw keys that nobody sent: ids next to real ones, far ones, unknown symbols, rows without a key."""

    def was_sent(symbol: str | None, trade_id: int | None) -> bool:
        return any(
            plan.name(row) == (symbol, trade_id) for row in np.flatnonzero(plan.ids == (trade_id or 0))
        )

    keys: dict[tuple[str | None, int | None], None] = {}
    for _ in range(int(rng.choice([0, 0, 0, 1, 2, 20]))):
        symbol, trade_id = plan.name(int(rng.integers(0, len(plan.codes))))
        step = int(rng.choice([-1, 1]))
        another, _ = plan.name(int(rng.integers(0, len(plan.codes))))
        likely = [(symbol, trade_id + step), (another, trade_id)]
        strange = [
            (symbol, -(2**63)),
            (symbol, 2**63 - 1),
            ("STRANGER", trade_id),
            (None, trade_id),
            (symbol, None),
        ]
        key = (likely * 3 + strange)[int(rng.integers(0, 11))]
        if not was_sent(*key):
            keys[key] = None
    return list(keys)


def phantoms(keys: list[tuple[str | None, int | None]]) -> pa.Table:
    columns: dict[str, object] = {
        "symbol": pa.array([symbol for symbol, _ in keys], pa.string()),
        "trade_id": pa.array([trade_id for _, trade_id in keys], pa.int64()),
        "source": pa.array(["live"] * len(keys), pa.string()),
        "lane": np.zeros(len(keys), np.int64),
        "offset": np.arange(len(keys)) * APART + 2,
    }
    return as_table(SEEN, columns)


def arrived(rng: np.random.Generator, seen: pa.Table) -> pa.Table:
    """Shuffle rows within a window, as lanes overtake each other, and encode columns as a Parquet file gives them."""
    window = int(rng.choice([1, 10, 1000]))
    seen = seen.sort_by("offset") if rng.random() < 0.5 else seen
    moved = np.arange(seen.num_rows) + rng.integers(0, window, seen.num_rows)
    seen = seen.take(pa.array(np.argsort(moved, kind="stable")))
    if rng.random() < 0.5:
        for name in ("symbol", "side", "source"):
            seen = seen.set_column(seen.schema.get_field_index(name), name, seen[name].dictionary_encode())
    return seen
