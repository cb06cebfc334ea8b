"""What becomes of garbage: each way in which a platform can treat it wrongly is red."""

from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from keywords.fakes import scene_of, session_of
from messages.approved import approve
from tickproof import quarantine, session
from tickproof.exchange import garbage
from tickproof.exchange.frames import TimeUnit, TradeRow
from tickproof.probes.kafka import RECORD
from tickproof.quarantine import Quarantine
from tickproof.verdicts import Void
from verdicts.small import seen, sent, trade

SYMBOL = "ETHBTC"
FRAME: dict[str, Any] = {
    **trade(5, SYMBOL), "price_text": "0.03125000", "quantity_text": "1.5", "venue_time_ns": 1_767_355_201_000_000_000
}  # fmt: skip
SPOILED = {**FRAME, "kind": "not-json", "expect": "quarantined"}
ACCEPTED = {**FRAME, "kind": "unknown-extra-field"}


def bytes_of(kind: str, unit: TimeUnit = TimeUnit.MICROSECOND) -> bytes:
    row = TradeRow(
        symbol=SYMBOL, trade_id=5, price_text="0.03125000", quantity_text="1.5",
        event_time_ns=FRAME["event_time"], venue_time_ns=FRAME["venue_time_ns"], buyer_is_maker=False,
    )  # fmt: skip
    return garbage.payload(kind, row, combined=True, unit=unit)


def letter(reason: str = "not-json", value: bytes | None = None, **more: Any) -> dict[str, Any]:
    usual = {
        "value": bytes_of("not-json") if value is None else value,
        "source": "ws",
        "position": "connection:1",
    }
    return {**usual, "reason": reason, **more}  # fmt: skip


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(quarantine, "judged", lambda *_, **__: [])
    monkeypatch.setattr(quarantine, "LETTERS_WITHIN", quarantine.LETTERS_WITHIN / 500)

    def run(kind: str, letters: list[dict[str, Any]], frame: dict[str, Any], source: str = "live") -> None:
        scene = scene_of(sent(trade(4), frame, trade(6)), SYMBOL, garbage={kind: SYMBOL})
        scene.seen["kafka"] = seen(trade(4), trade(5, source=source), trade(6))
        headers = SimpleNamespace(source_header="source", position_header="position")
        target = SimpleNamespace(hops=SimpleNamespace(kafka=SimpleNamespace(dead_letters=headers)))
        kafka = SimpleNamespace(dead_letters=lambda _: pa.Table.from_pylist(letters, schema=RECORD))
        monkeypatch.setattr(session, "current", session_of(scene, kafka=kafka, target=target))
        Quarantine().garbage_should_be_handled_as_the_table_says(kind)

    return run


@pytest.mark.parametrize("unit", TimeUnit)
def test_garbage_set_aside_with_its_bytes_and_reason_passes(judge: Any, unit: TimeUnit) -> None:
    judge("not-json", [letter("empty-object"), letter(value=bytes_of("not-json", unit))], SPOILED)


def test_good_frames_that_were_taken_pass(judge: Any) -> None:
    judge("unknown-extra-field", [letter(value=b'{"s":"BNBEUR"}')], ACCEPTED)


def test_a_frame_that_ends_the_connection_leaves_no_letter(judge: Any) -> None:
    judge("half-frame", [], FRAME, source="rest")


WRONG: dict[str, tuple[str, list[dict[str, Any]], dict[str, Any]]] = {
    "no dead letter": ("not-json", [], SPOILED),
    "another reason": ("not-json", [letter("missing-field")], SPOILED),
    "twice": ("not-json", [letter(), letter()], SPOILED),
    "other bytes": ("not-json", [letter(value=b'{"s":"ETHBTC"}')], SPOILED),
    "no bytes": ("not-json", [letter(value=b"")], SPOILED),
    "no position": ("not-json", [letter(position=None)], SPOILED),
    "no source": ("not-json", [letter(source="")], SPOILED),
    "a good frame set aside": ("unknown-extra-field", [letter("unknown-extra-field")], ACCEPTED),
    "a good frame set aside for another reason": (
        "unknown-extra-field",
        [letter("missing-field", value=bytes_of("unknown-extra-field"))],
        ACCEPTED,
    ),
    "a repaired frame set aside as well": (
        "half-frame",
        [letter("not-json", value=bytes_of("unknown-extra-field"))],
        FRAME,
    ),
}


def test_what_is_treated_wrongly_is_red(judge: Any) -> None:
    told = []
    for name, (kind, letters, frame) in WRONG.items():
        with pytest.raises(AssertionError) as failure:
            judge(kind, letters, frame)
        assert not isinstance(failure.value, Void), name
        told.append(f"{name}:\n{failure.value}\n")
    with pytest.raises(AssertionError) as failure:
        judge("unknown-extra-field", [], ACCEPTED, "rest")
    told.append(f"fetched from the history:\n{failure.value}\n")
    with pytest.raises(Void) as void:
        judge("not-json", [], {**SPOILED, "copies": 0})
    told.append(f"never sent:\n{void.value}")
    approve("quarantine", "\n".join(told))


def test_letters_are_waited_for_once(judge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = []
    usual = quarantine.patiently
    monkeypatch.setattr(
        quarantine, "patiently", lambda *args, **kwargs: (waits.append(1), usual(*args, **kwargs))[1]
    )
    with pytest.raises(AssertionError):
        judge("not-json", [], SPOILED)
    assert waits == [1]
    session.current().scene.letters_missed = True
    with pytest.raises(AssertionError):
        Quarantine().garbage_should_be_handled_as_the_table_says("not-json")
    assert waits == [1]
