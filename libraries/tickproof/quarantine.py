"""Keywords that judge what becomes of garbage: set aside with its bytes and its reason, taken, or repaired."""

import itertools
from collections.abc import Callable
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
from robot.api.deco import keyword, library

from tickproof import report, session
from tickproof.exchange import garbage
from tickproof.exchange.frames import TimeUnit, TradeRow
from tickproof.exchange.garbage import Treatment
from tickproof.misuse import MisuseError, one_of
from tickproof.observing import hops_of, sent_so_far, watch
from tickproof.pipeline import judged
from tickproof.scenes import Scene
from tickproof.verdicts import Void, account
from tickproof.waiting import WaitError, patiently

LETTERS_WITHIN = timedelta(seconds=5)
"""A dead letter may come a little later than the good trade behind it: nobody waits for it."""

Letter = dict[str, object]


@library(scope="GLOBAL")
class Quarantine:
    """Judges the dead letters of `Send Trades With Every Kind Of Garbage` and the trades around them."""

    @keyword
    def garbage_should_be_handled_as_the_table_says(self, kind: str) -> None:
        """Judge one kind of garbage and the trades around it.

        Args:
            kind: One of the kinds in docs/garbage.md.

        Raises:
            AssertionError: It was not set aside with its bytes and its reason, was set aside though it is good, or
                cost a neighbour.
            Void: The frame never was on the wire.
        """
        one_of("kind of garbage", kind, garbage.KINDS)
        run = session.current()
        scene = run.scene
        if kind not in scene.garbage:
            raise MisuseError(
                f"No garbage of kind {kind} was sent; use `Send Trades With Every Kind Of Garbage` first."
            )
        _, sent = sent_so_far(run)
        symbol = scene.garbage[kind]
        treatment = garbage.KINDS[kind].treatment
        frames = sent.filter(pc.equal(sent["kind"], kind))
        if treatment is not Treatment.RECONNECT and not (pc.sum(frames["copies"]).as_py() or 0):
            raise Void(f"the frame of {kind} never was on the wire.")
        if treatment is Treatment.QUARANTINE:
            _be_set_aside(kind, frames)
        judged((), only=symbol)
        if treatment is not Treatment.QUARANTINE:
            _not_be_set_aside(kind, symbol)
        if treatment is Treatment.ACCEPT:
            _come_by_the_stream(kind, frames, scene)

    @keyword
    def sent_should_equal_stored_and_quarantined(self) -> None:
        """Balance the books of the flow: what was sent is stored or quarantined, reason by reason."""
        run = session.current()
        scene, sent = sent_so_far(run)
        frames = sent.filter(pc.equal(sent["expect"], "quarantined"))
        expected = pc.sum(frames["copies"]).as_py() or 0
        if not expected:
            raise Void("no garbage was sent; use `Send Trades With Every Kind Of Garbage` first.")
        letters = _letters_until(lambda rows: len(rows) >= expected)
        hop = "lake" if "lake" in hops_of(run) else hops_of(run)[-1]
        if hop not in scene.seen:
            scene.seen[hop], _ = watch(run, scene, hop, sent)
        balance = account(
            sent, hop=hop, stored=scene.seen[hop], quarantined=[str(row["reason"]) for row in letters]
        )
        report.balance(balance)
        balance.fail_if_any()


def _be_set_aside(kind: str, frames: pa.Table) -> None:
    """See that one frame of a kind is one dead letter: with its reason, its bytes, and where it came from."""
    letters = _letters_until(lambda rows: any(row["reason"] == kind for row in rows))
    mine = [row for row in letters if row["reason"] == kind]
    report.letters(kind, mine)
    if len(mine) != 1:
        reasons = ", ".join(sorted({str(row["reason"]) for row in letters})) or "none"
        raise AssertionError(
            f"One frame of {kind} should be a dead letter with the reason {kind}, but {len(mine)} are.\n"
            f"Reasons of the dead letters since the flow began: {reasons}."
        )
    letter = mine[0]
    wanted = _payloads(kind, frames)
    if letter["value"] not in wanted:
        raise AssertionError(
            f"The dead letter of {kind} should hold the bytes that were sent, but it does not.\n"
            f"Sent: {_spoken(wanted[0])}\nThere: {_spoken(letter['value'])}"
        )
    kafka = session.current().target.hops.kafka
    told = kafka.dead_letters if kafka else None
    for name, header in (
        ("source", told and told.source_header),
        ("position", told and told.position_header),
    ):
        if header and not letter[name]:
            raise AssertionError(
                f"The dead letter of {kind} should tell its {name} (header {header}), but does not."
            )


def _not_be_set_aside(kind: str, symbol: str) -> None:
    """See that nothing that speaks of a symbol is a dead letter."""
    speaks = f'"s":"{symbol}"'.encode()
    for row in _letters():
        if row["reason"] == kind or speaks in _bytes(row["value"]):
            raise AssertionError(
                f"A frame of {kind} should be taken, but it is a dead letter (reason {row['reason']})."
            )


def _come_by_the_stream(kind: str, frames: pa.Table, scene: Scene) -> None:
    """See that a trade was taken from its frame, not fetched from the venue's history instead."""
    seen = scene.seen.get("kafka")
    if seen is None:
        return
    (frame,) = frames.select(["symbol", "trade_id"]).to_pylist()
    here = pc.and_(pc.equal(seen["symbol"], frame["symbol"]), pc.equal(seen["trade_id"], frame["trade_id"]))
    sources = set(seen.filter(here)["source"].to_pylist())
    if sources == {"rest"}:
        raise AssertionError(
            f"A frame of {kind} should be taken, but its trade {frame['symbol']} {frame['trade_id']} "
            "was fetched from the venue's history."
        )


def _payloads(kind: str, frames: pa.Table) -> list[bytes]:
    """Return the payloads that the frame can have had: the subscriber chose the unit and the kind of stream."""
    columns = ["symbol", "trade_id", "price_text", "quantity_text", "venue_time_ns", "side"]
    (row,) = frames.select(columns).to_pylist()
    trade = TradeRow(
        symbol=row["symbol"],
        trade_id=row["trade_id"],
        price_text=row["price_text"],
        quantity_text=row["quantity_text"],
        event_time_ns=frames["event_time"].cast(pa.int64())[0].as_py(),
        venue_time_ns=row["venue_time_ns"],
        buyer_is_maker=row["side"] == "sell",
    )
    return [
        garbage.payload(kind, trade, combined=combined, unit=unit)
        for combined, unit in itertools.product((True, False), TimeUnit)
    ]


def _letters() -> list[Letter]:
    run = session.current()
    rows: list[Letter] = run.kafka.dead_letters(run.scene.marks.topics).to_pylist()
    return rows


def _letters_until(there: Callable[[list[Letter]], bool]) -> list[Letter]:
    """Wait for dead letters; where that was in vain once, what is not there by now does not come."""
    scene = session.current().scene
    if not scene.letters_missed:
        try:
            return patiently(_letters, until=there, within=LETTERS_WITHIN, what="Dead letters should come")
        except WaitError:
            scene.letters_missed = True
    return _letters()  # whoever asked says what is missing


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""


def _spoken(value: object) -> str:
    return repr(_bytes(value))[2:-1][:200] or "nothing"
