"""The ledger of a play: what was due, handed over and gone, as rows of `ledger.schemas.SENT` in wire order."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tickproof.exchange.marks import Numbers
from tickproof.exchange.play import Play
from tickproof.ledger import schemas

SLICE = 65_536
"""Rows made at a time, so that a long ledger needs little memory."""


def tables(play: Play) -> Iterator[pa.Table]:
    """Yield the ledger, a slice at a time."""
    for start in range(0, play.script.size, SLICE):
        yield _slice(play, start, min(start + SLICE, play.script.size))


def packed(play: Play) -> pa.Buffer:
    """Return the ledger as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schemas.SENT) as writer:
        for table in tables(play):
            writer.write_table(table)
    return sink.getvalue()


def _slice(play: Play, start: int, behind: int) -> pa.Table:
    script, marks, span = play.script, play.marks, slice(start, behind)
    absent = pa.array(script.muted[span] & script.unknown[span])
    rows = script.rows.slice(start, behind - start)
    table = schemas.as_table(
        schemas.SENT,
        _trades(rows)
        | {
            "plan_index": script.plan_index[span],
            "due_ns": _due(play)[span],
            "handed_ns": _known(marks.handed[span]),
            "gone_ns": _known(marks.gone[span]),
            "copies": marks.copies[span],
            "repairable": ~script.unknown[span],
            "expect": pc.if_else(absent, schemas.ABSENT, schemas.STORED),
            "kind": _kinds(play, rows, start),
        },
    )
    went = [
        number
        for number, extra in enumerate(play.extras)
        if start <= extra.position < behind and play.extra_marks.copies[number]
    ]
    if not went:
        return table
    places = np.array([play.extras[number].position for number in went])
    ahead = np.concatenate([np.arange(start, behind) * 2 + 1, places * 2])
    return pa.concat_tables([table, _garbage(play, went, places)]).take(np.argsort(ahead, kind="stable"))


def _garbage(play: Play, went: list[int], places: Numbers) -> pa.Table:
    """Return the frames of garbage that went on the wire ahead of rows."""
    marks = play.extra_marks
    return schemas.as_table(
        schemas.SENT,
        _trades(play.script.rows.take(places))
        | {
            "plan_index": play.script.plan_index[places],
            "due_ns": _due(play)[places],
            "handed_ns": _known(marks.handed[went]),
            "gone_ns": _known(marks.gone[went]),
            "copies": marks.copies[went],
            "repairable": np.zeros(len(went), bool),
            "expect": [schemas.QUARANTINED] * len(went),
            "kind": [play.extras[number].kind for number in went],
        },
    )


def _trades(rows: pa.Table) -> dict[str, object]:
    return {
        "symbol": rows["symbol"],
        "trade_id": rows["trade_id"],
        "price": pc.cast(rows["price_text"], schemas.DECIMAL),
        "quantity": pc.cast(rows["quantity_text"], schemas.DECIMAL),
        "event_time": pc.cast(rows["event_time_ns"], schemas.EVENT_TIME),
        "side": pc.if_else(rows["buyer_is_maker"], "sell", "buy"),
        "price_text": rows["price_text"],
        "quantity_text": rows["quantity_text"],
        "venue_time_ns": rows["venue_time_ns"],
    }


def _kinds(play: Play, rows: pa.Table, start: int) -> pa.Array:
    kinds = rows["kind"].combine_chunks()
    replaced = {
        position - start: kind
        for position, kind in sorted(play.script.replaced.items())
        if start <= position < start + len(kinds)
    }
    if not replaced:
        return kinds
    changed = np.zeros(len(kinds), bool)
    changed[list(replaced)] = True
    return pc.replace_with_mask(kinds, changed, pa.array(list(replaced.values()), pa.string()))


def _due(play: Play) -> Numbers:
    return play.due if play.due is not None else play.script.offsets


def _known(stamps: npt.NDArray[np.int64]) -> pa.Array:
    return pa.array(stamps, pa.int64(), mask=stamps == 0)
