"""Judge one hop against what was sent."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice, zip_longest
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tickproof.ledger.rows import AnyRows, batches_of
from tickproof.ledger.schemas import SENTINEL, STORED
from tickproof.verdicts.findings import EXCUSED, SENT_ONLY, Anomaly, Guarantee, HopVerdict, Kind
from tickproof.verdicts.keys import Ints
from tickproof.verdicts.order import Lanes, Order, position_in_lane, repaired
from tickproof.verdicts.reference import Located, Reference, seen_batches, sent_reference
from tickproof.verdicts.tally import Tally

TimeUnit = Literal["s", "ms", "us", "ns"]

CONTENT = ("price", "quantity", "event_time", "side")
TEXT = ("price_text", "quantity_text")


def judge(
    sent: AnyRows,
    seen: AnyRows,
    *,
    hop: str,
    guarantee: Guarantee,
    order: bool = False,
    lanes: bool = False,
    fields: Sequence[str] = CONTENT,
    event_time_unit: TimeUnit = "ns",
    earlier: Mapping[str, AnyRows] | None = None,
    max_named: int = 50,
) -> HopVerdict:
    """Compare what a hop showed with what was sent.

    Args:
        sent: Rows of `ledger.schemas.SENT` in the order they went on the wire.
        seen: Rows of `ledger.schemas.SEEN` in batches of any size and order.
        hop: The hop's name, for the words of the verdict.
        guarantee: What the hop promises.
        order: Also judge the order of each symbol within its lane (live rows only).
        lanes: Also demand that each symbol stands in one lane.
        fields: Fields that must be equal: `CONTENT`, or `CONTENT + TEXT` where the hop keeps the text.
        event_time_unit: The unit that the hop can hold: the sent time is cut to it before it is compared.
        earlier: What earlier hops showed, by name in their order, to tell where a lost trade was seen last.
        max_named: How many anomalies are named at most; all are counted.

    Raises:
        ValueError: The rows are no ledger: a column is missing, of another type, or contradicts itself.
    """
    reference = sent_reference(sent, fields, cut=event_time_unit)
    tally = Tally(reference, fields, max_named)
    stand = Order(reference) if order else None
    spread = Lanes(reference) if lanes else None
    repairs = 0
    for batch in seen_batches(seen, ("symbol", "trade_id", *fields, "source", "lane", "offset"), what=hop):
        by_repair = repaired(batch)
        repairs += 0 if by_repair is None else int(np.count_nonzero(by_repair))
        known = tally.add(reference.locate(batch))
        if not len(known.positions):
            continue
        if spread is not None:
            spread.add(known, position_in_lane(known.batch, "lane", hop))
        if stand is not None:
            _add_live(stand, known, hop, repairs=repairs > 0)

    inversions = np.empty((0, 2), np.int64) if stand is None else stand.inversions()
    split = np.empty(0, np.int64) if spread is None else spread.split
    lost, again = tally.lost, tally.repeated
    named: list[list[Anomaly]] = [
        _name_lost(reference, lost[:max_named], earlier or {}),
        [
            _name_repeated(reference, int(position), int(tally.counts[position]))
            for position in again[:max_named]
        ],
        [anomaly for anomaly in tally.named if anomaly.kind is Kind.ALTERED],
        [anomaly for anomaly in tally.named if anomaly.kind is Kind.PHANTOM],
        [] if stand is None else [stand.name(int(one), int(two)) for one, two in inversions[:max_named]],
        [] if spread is None else [spread.name(int(code)) for code in split[:max_named]],
    ]
    return HopVerdict(
        hop=hop,
        guarantee=guarantee,
        sent=len(reference.keys),
        seen=tally.seen,
        lost=len(lost),
        duplicated=tally.surplus,
        altered=tally.altered,
        phantom=tally.phantom,
        out_of_order=None if stand is None else len(inversions),
        split=None if spread is None else len(split),
        repaired=repairs,
        anomalies=fairly(named, max_named),
        void=_void(sent, reference, tally, guarantee),
    )


def _void(sent: AnyRows, reference: Reference, tally: Tally, guarantee: Guarantee) -> str | None:
    """Say why no verdict can be given: where losses are excused, only what came proves that anything was looked at."""
    if not len(reference.keys):
        return None if tally.phantom else "nothing was sent"
    if Kind.LOST not in EXCUSED[guarantee]:
        return None
    if not tally.counts.any():
        return f"losses are excused and nothing of {len(reference.keys):,} trades was seen"
    sentinels = np.unique(np.concatenate([np.empty(0, np.int64), *_sentinels(sent, reference)]))
    if len(sentinels) and not tally.counts[sentinels].any():
        told = "the sentinel was" if len(sentinels) == 1 else f"none of {len(sentinels):,} sentinels was"
        return f"losses are excused and {told}{' not' if len(sentinels) == 1 else ''} seen"
    return None


def _sentinels(sent: AnyRows, reference: Reference) -> Iterator[Ints]:
    """Yield the positions of the last trade of each symbol's sequence."""
    for batch in batches_of(sent, ("symbol", "trade_id", "kind", "expect")):
        if "kind" in batch.schema.names:
            mine = pc.and_(pc.equal(batch.column("kind"), SENTINEL), pc.equal(batch.column("expect"), STORED))
            yield reference.locate(batch.filter(pc.fill_null(mine, False))).only_known().positions


def fairly(named: Sequence[Sequence[Anomaly]], at_most: int) -> tuple[Anomaly, ...]:
    """Take one anomaly of each kind in turn until there are enough, and give them back kind by kind."""
    in_turn = (anomaly for turn in zip_longest(*named) for anomaly in turn if anomaly is not None)
    taken = set(islice(in_turn, at_most))
    return tuple(anomaly for anomaly in chain.from_iterable(named) if anomaly in taken)


def _add_live(stand: Order, known: Located, hop: str, *, repairs: bool) -> None:
    by_repair = repaired(known.batch) if repairs else None
    live = known if by_repair is None else known.only(~by_repair)
    if len(live.positions):
        stand.add(
            live, position_in_lane(live.batch, "lane", hop), position_in_lane(live.batch, "offset", hop)
        )


def _name_repeated(reference: Reference, position: int, times: int) -> Anomaly:
    symbol, trade_id = reference.key(position)
    return Anomaly(
        Kind.DUPLICATED,
        symbol,
        trade_id,
        *reference.keys.neighbours(position),
        expected="once",
        got=f"{times:,} times",
    )


def _name_lost(reference: Reference, positions: Ints, earlier: Mapping[str, AnyRows]) -> list[Anomaly]:
    keys = [reference.key(int(position)) for position in positions]
    last_seen = dict.fromkeys(keys, SENT_ONLY)
    for hop, rows in earlier.items() if keys else ():
        for key in _present(keys, rows):
            last_seen[key] = hop
    return [
        Anomaly(
            Kind.LOST,
            *key,
            *reference.keys.neighbours(int(position)),
            last_seen_at=last_seen[key],
        )
        for key, position in zip(keys, positions, strict=True)
    ]


def _present(keys: Sequence[tuple[str, int]], rows: AnyRows) -> Iterator[tuple[str, int]]:
    """Yield those keys that stand among the rows."""
    wanted, ids = set(keys), pa.array([trade_id for _, trade_id in keys], pa.int64())
    for batch in batches_of(rows, ("symbol", "trade_id")):
        some = batch.filter(pc.is_in(batch.column("trade_id"), value_set=ids))
        yield from wanted.intersection(
            zip(some.column("symbol").to_pylist(), some.column("trade_id").to_pylist(), strict=True)
        )
