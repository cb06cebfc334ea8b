"""A plan: which trades are sent, and when. Same seed, same bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tickproof.exchange import symbols
from tickproof.exchange.actions import Action
from tickproof.exchange.digits import LONGEST, Integers, decimal_texts, edge_texts
from tickproof.exchange.frames import TimeUnit
from tickproof.exchange.symbols import Symbol

LONG_AGO_NS = 1_767_348_000_000_000_000
"""When trades happened if nobody says: 2026-01-02 10:00 UTC."""

SHOWN_DECIMALS = 8
"""Decimals that the venue writes, whatever a symbol's price step."""

VENUE_PER_SECOND = 10_000
"""The pace of event times in a plan that is sent as fast as it goes."""

_MINUTE_NS = 60_000_000_000

SCHEMA = pa.schema(
    [
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("trade_id", pa.int64(), nullable=False),
        pa.field("price_text", pa.string(), nullable=False),
        pa.field("quantity_text", pa.string(), nullable=False),
        pa.field("event_time_ns", pa.int64(), nullable=False),
        pa.field("venue_time_ns", pa.int64(), nullable=False),
        pa.field("buyer_is_maker", pa.bool_(), nullable=False),
        pa.field("send_offset_ns", pa.int64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
    ]
)
"""One row a frame, in the order of sending. `kind` is "trade" or "sentinel"; garbage comes by actions."""


class Values(StrEnum):
    """Which numbers a plan draws."""

    USUAL = "usual"
    EDGE = "edge"


class Domain(Protocol):
    """What a target can take: the part of its profile that a plan must respect."""

    @property
    def price_scale(self) -> int:
        """Digits behind the point that a price may have."""

    @property
    def quantity_scale(self) -> int:
        """Digits behind the point that a size may have."""

    @property
    def integer_digits(self) -> int:
        """Digits before the point that a price or size may have."""

    @property
    def max_per_second(self) -> int:
        """Trades a second that the target takes."""

    @property
    def event_time_unit(self) -> str:
        """The unit of its event times, "ms" or "us"."""


class Leased(Protocol):
    """A symbol that this test owns, and the id that its next trade must have."""

    @property
    def symbol(self) -> str:
        """The symbol's name."""

    @property
    def next_id(self) -> int:
        """The id of its next trade."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Trades to be sent (schema `SCHEMA`), the seed they came from, and what goes wrong on the way."""

    table: pa.Table
    seed: int
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class _Pace:
    """When rows are sent, and when they happened at the venue."""

    send_offset_ns: Integers
    event_time_ns: Integers
    venue_time_ns: Integers


def draw(
    domain: Domain,
    leases: Sequence[Leased],
    *,
    trades: int,
    per_second: float | None,
    seed: int,
    begins_ns: int = LONG_AGO_NS,
    values: Values | str = Values.USUAL,
    late_share: float = 0.0,
    time_unit: TimeUnit | str | None = None,
    sentinels: bool = True,
    weights: Mapping[str, float] | None = None,
    actions: Sequence[Action] = (),
) -> Plan:
    """Draw trades inside a target's domain. The same arguments give the same bytes.

    Every symbol gets at least one trade, if there are enough; ids go on where the lease says, without a hole.

    Args:
        domain: what the target can take.
        leases: the symbols to trade, each with its next id.
        trades: how many trades, sentinels not counted.
        per_second: trades sent a second; None: as fast as it goes.
        seed: where all numbers come from.
        begins_ns: when the venue's first trade happened (ns since the epoch).
        values: usual prices and sizes (a random walk in the symbol's price steps, eight decimals as the venue
            writes them), or numbers at the edges of the domain.
        late_share: share of the trades whose event time lies in the past: up to 10 minutes, or 1 to 3 days.
        time_unit: the grain of event times; None: the domain's.
        sentinels: whether each symbol's last row is a sentinel, one to two minutes after everything else.
        weights: the share of the flow (0 to 1) that some symbols have; the others divide the rest equally.
        actions: what the exchange does wrong on the way; before the first sentinel.

    Raises:
        ValueError: with one sentence, if such a plan makes no sense or leaves the domain.
    """
    unit = TimeUnit(time_unit or domain.event_time_unit)
    names = [lease.symbol for lease in leases]
    listed = [symbols.get(name) for name in names]
    _check(domain, names, trades, per_second, late_share)
    rows = trades + len(names) * sentinels
    _check_actions(actions, trades)
    random = np.random.default_rng(seed)
    index = np.concatenate(
        [_interleaved(random, trades, _shares(names, weights or {})), np.arange(rows - trades)]
    )
    groups = _Groups(index, len(names))
    if Values(values) is Values.EDGE:
        prices, quantities = (
            edge_texts(random, rows, scale=scale, integer_digits=domain.integer_digits)
            for scale in (domain.price_scale, domain.quantity_scale)
        )
    else:
        prices = _walk(random, groups, listed, domain)
        quantities = _sizes(random, groups, listed, domain)
    pace = _pace(
        random,
        trades=trades,
        rows=rows,
        per_second=per_second,
        begins_ns=begins_ns,
        unit=unit,
        late_share=late_share,
    )
    columns = [
        pa.array(names, pa.string()).take(pa.array(index)),
        pa.array(groups.rank + np.array([lease.next_id for lease in leases], dtype=np.int64)[index]),
        prices,
        quantities,
        pa.array(pace.event_time_ns),
        pa.array(pace.venue_time_ns),
        pa.array(random.integers(0, 2, rows).astype(bool)),
        pa.array(pace.send_offset_ns),
        pa.concat_arrays([pa.repeat("trade", trades), pa.repeat("sentinel", rows - trades)]),
    ]
    return Plan(pa.Table.from_arrays(columns, schema=SCHEMA), seed, tuple(actions))


def row_of(plan: Plan, symbol: str, *, share: float) -> int:
    """Return the row of a symbol's own trade that lies at this share (0 to 1) of its trades.

    Raises:
        ValueError: if the plan has no trade of the symbol.
    """
    mine = pc.and_(pc.equal(plan.table["symbol"], symbol), pc.equal(plan.table["kind"], "trade"))
    rows = np.flatnonzero(mine)
    if not len(rows):
        raise ValueError(f"the plan has no trade of {symbol}.")
    return int(rows[min(int(len(rows) * share), len(rows) - 1)])


def disturbed(plan: Plan, actions: Sequence[Action]) -> Plan:
    """Return the same trades with more that goes wrong.

    Raises:
        ValueError: if an action reaches the sentinels.
    """
    _check_actions(actions, trades=pc.sum(pc.equal(plan.table["kind"], "trade")).as_py())
    return replace(plan, actions=(*plan.actions, *actions))


class _Groups:
    """Rows by symbol: `order` sorts them by symbol and keeps their sequence, `rank` counts them within it."""

    def __init__(self, index: Integers, symbols_count: int) -> None:
        self.index = index
        self.order = np.argsort(index.astype(np.int16), kind="stable")
        self.counts = np.bincount(index, minlength=symbols_count)
        self.starts = np.concatenate([[0], np.cumsum(self.counts)[:-1]])
        self.rank = self.in_sequence(np.arange(len(index)) - np.repeat(self.starts, self.counts))

    def in_sequence(self, by_symbol: Integers) -> Integers:
        """Return values that stand in the order of symbols in the order of sending."""
        values = np.empty_like(by_symbol)
        values[self.order] = by_symbol
        return values


def _interleaved(random: np.random.Generator, trades: int, shares: npt.NDArray[np.float64]) -> Integers:
    first = random.permutation(len(shares))[:trades]
    return np.concatenate([first, random.choice(len(shares), trades - len(first), p=shares)])


def _shares(names: Sequence[str], weights: Mapping[str, float]) -> npt.NDArray[np.float64]:
    for name, share in weights.items():
        if name not in names:
            raise ValueError(f"weight for {name}: this symbol is not among those of the plan.")
        if not 0 <= share <= 1:
            raise ValueError(
                f"weight for {name}: a share of the flow lies between 0 and 1, but it is {share}."
            )
    given = sum(weights.values())
    rest = len(names) - len(weights)
    if given > 1 + 1e-9 or (not rest and given == 0):
        raise ValueError(f"the weights add up to {given:g}; together they must be above 0 and at most 1.")
    shares = np.array([weights.get(name, max(1 - given, 0) / max(rest, 1)) for name in names])
    whole: float = shares.sum()
    return shares / whole


def _walk(
    random: np.random.Generator, groups: _Groups, listed: Sequence[Symbol], domain: Domain
) -> pa.StringArray:
    """Prices: a random walk a symbol, a few steps up or down a trade."""
    shown = min(SHOWN_DECIMALS, domain.price_scale)
    step = np.array([10 ** (shown - min(symbol.price_decimals, shown)) for symbol in listed])
    start = np.array([int(Decimal(symbol.price).scaleb(shown)) for symbol in listed]) // step
    moves = random.integers(-3, 4, len(groups.index))
    moves[groups.starts[groups.counts > 0]] = 0
    path = np.cumsum(moves)
    path = path - np.repeat(path[np.minimum(groups.starts, len(path) - 1)], groups.counts)
    steps = np.maximum(np.abs(np.repeat(start, groups.counts) + path), 1)
    scaled = groups.in_sequence(steps * np.repeat(step, groups.counts))
    return decimal_texts(np.minimum(scaled, _greatest(domain, shown)), shown)


def _sizes(
    random: np.random.Generator, groups: _Groups, listed: Sequence[Symbol], domain: Domain
) -> pa.StringArray:
    """Sizes: many small ones, few large ones."""
    shown = min(SHOWN_DECIMALS, domain.quantity_scale)
    step = np.array([10 ** (shown - min(symbol.quantity_decimals, shown)) for symbol in listed])
    ceilings = 10 ** random.integers(1, 6, len(groups.index))
    scaled = random.integers(1, ceilings, endpoint=True) * step[groups.index]
    return decimal_texts(np.minimum(scaled, _greatest(domain, shown)), shown)


def _greatest(domain: Domain, decimals: int) -> int:
    return int(10 ** min(domain.integer_digits + decimals, LONGEST) - 1)


def _pace(
    random: np.random.Generator,
    *,
    trades: int,
    rows: int,
    per_second: float | None,
    begins_ns: int,
    unit: TimeUnit,
    late_share: float,
) -> _Pace:
    grain = unit.nanoseconds
    offset = np.floor(np.arange(rows) * (1e9 / (per_second or VENUE_PER_SECOND))).astype(np.int64)
    event = begins_ns // grain * grain + offset // grain * grain  # whenever it begins, the same steps
    # The venue publishes up to 3 ms after it matched, never at once: one time taken for the other shows.
    venue = event + random.integers(1, 3_000_000 // grain, rows, endpoint=True) * grain
    late = random.permutation(trades)[: max(round(trades * late_share), int(late_share > 0))]
    short, long = random.integers(1, 600, len(late)), random.integers(86_400, 3 * 86_400, len(late))
    event[late] -= np.where(random.integers(0, 2, len(late)) == 0, short, long) * 1_000_000_000
    event[trades:] = (event[:trades].max() // _MINUTE_NS + 2) * _MINUTE_NS
    venue[trades:] = event[trades:] + 1_000_000
    return _Pace(np.zeros_like(offset) if per_second is None else offset, event, venue)


def _check(
    domain: Domain, names: Sequence[str], trades: int, per_second: float | None, late_share: float
) -> None:
    if trades < 1:
        raise ValueError(f"a plan needs at least 1 trade, but {trades} were asked for.")
    if not names:
        raise ValueError("a plan needs at least 1 symbol, but none was leased.")
    if len(set(names)) < len(names):
        raise ValueError("a plan takes each symbol once, but one was given twice.")
    if per_second is not None and not 0 < per_second <= domain.max_per_second:
        raise ValueError(
            f"a plan's pace lies above 0 and, for this target, at {domain.max_per_second:,} trades a second"
            f" at most, but {per_second:,} were asked for."
        )
    if not 0 <= late_share <= 1:
        raise ValueError(f"the share of late trades lies between 0 and 1, but it is {late_share}.")


def _check_actions(actions: Sequence[Action], trades: int) -> None:
    for action in actions:
        if action.last >= trades:
            rows = f"row {action.at}" if action.last == action.at else f"rows {action.at} to {action.last}"
            raise ValueError(
                f"action {action.do} at {rows}: only rows 0 to {trades - 1} may be disturbed; behind them stand"
                " the sentinels."
            )
