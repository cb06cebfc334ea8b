"""A disturbance that left no trace is found."""

import pyarrow as pa
import pytest
from tickproof.effects import unproved
from tickproof.exchange import actions
from tickproof.exchange.actions import Action
from tickproof.ledger import SENT
from verdicts.small import table


def ledger(*copies: int) -> pa.Table:
    rows = [{"plan_index": n, "copies": count, "expect": "stored"} for n, count in enumerate(copies)]
    garbage = {"plan_index": 1, "copies": 7, "expect": "quarantined"}
    return table(SENT, [garbage, *rows])


PROVED = [
    (actions.Drop(at=1), (1, 0), ["disconnect"]),
    (actions.Expire(at=1), (1, 1), ["disconnect"]),
    (actions.Refuse(at=1, count=2), (1, 1), ["refused"]),
    (actions.Repeat(at=1), (1, 2), []),
    (actions.Swap(at=0), (1, 1), []),
    (actions.Skip(at=0, count=2), (0, 0, 1), []),
    (actions.Stall(at=0, seconds=1), (1, 1), []),
    (actions.Garbage(at=0, kind="not-json"), (1, 1), []),
]
IDLE = [
    (actions.Drop(at=1), (1, 0), ["connect"], "drop at row 1: no connection ended"),
    (actions.HalfFrame(at=0), (1, 1), ["refused"], "half_frame at row 0: no connection ended"),
    (actions.Shutdown(at=0), (1, 1), [], "shutdown at row 0: no connection ended"),
    (actions.Refuse(at=1, count=2), (1, 1), ["disconnect"], "refuse at row 1: no connection was refused"),
    (actions.Repeat(at=1), (1, 1), [], "repeat at row 1: the row was sent once"),
    (actions.Repeat(at=0), (0, 2), [], "repeat at row 0: the row was sent not at all"),
    (actions.Repeat(at=5), (1, 2), [], "repeat at row 5: the row was sent not at all"),
    (actions.Swap(at=0), (1, 0), [], "swap at row 0: not both rows were on the wire"),
    (actions.Skip(at=0, count=2), (0, 1), [], "skip at row 0: a row was on the wire nevertheless"),
]


@pytest.mark.parametrize(("action", "copies", "noted"), PROVED)
def test_what_took_place_is_proved(action: Action, copies: tuple[int, ...], noted: list[str]) -> None:
    assert unproved([action], ledger(*copies), noted) == []


@pytest.mark.parametrize(("action", "copies", "noted", "said"), IDLE)
def test_what_left_no_trace_is_named(
    action: Action, copies: tuple[int, ...], noted: list[str], said: str
) -> None:
    assert unproved([action], ledger(*copies), noted) == [said]


def test_each_of_many_is_looked_at() -> None:
    planned = [actions.Repeat(at=0), actions.Drop(at=1), actions.Repeat(at=1)]
    assert len(unproved(planned, ledger(1, 2), [])) == 2


def test_nothing_planned_needs_no_proof() -> None:
    assert unproved([], ledger(), []) == []
