"""Each kind of garbage is wrong in its own way only, and the table says what to do about it."""

import json

import pytest
from plan.domains import Domain, leased
from tickproof.exchange import garbage
from tickproof.exchange.actions import Garbage, HalfFrame, Oversize, ProtocolError
from tickproof.exchange.frames import trade_frame
from tickproof.exchange.garbage import KINDS, Treatment
from tickproof.exchange.plan import draw

ROW = draw(Domain(), leased("BTCUSDT"), trades=5, per_second=None, seed=2).table.to_pylist()[2]
GOOD = json.loads(trade_frame(ROW, combined=False))


def test_fifteen_kinds_and_their_treatment() -> None:
    by_treatment = {
        treatment: {kind.name for kind in KINDS.values() if kind.treatment is treatment}
        for treatment in Treatment
    }
    assert by_treatment == {
        Treatment.QUARANTINE: {
            "not-json", "missing-field", "unknown-event", "number-price", "not-a-number-price",
            "negative-size", "id-out-of-range", "wrong-case", "empty-object", "binary-frame",
        },
        Treatment.ACCEPT: {"unknown-extra-field", "duplicate-equal-key"},
        Treatment.RECONNECT: {"half-frame", "oversize", "protocol-error"},
    }  # fmt: skip
    assert [kind.name for kind in KINDS.values() if kind.binary] == ["binary-frame"]


@pytest.mark.parametrize("combined", [True, False])
@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("missing-field", {"p": None}),
        ("unknown-event", {"e": "tradeV2"}),
        ("number-price", {"p": float(GOOD["p"])}),
        ("not-a-number-price", {"p": "NaN"}),
        ("negative-size", {"q": "-" + GOOD["q"]}),
        ("id-out-of-range", {"t": 2**63}),
        ("wrong-case", {"s": "btcusdt"}),
        ("unknown-extra-field", {"X": {"venue": "new"}}),
        ("duplicate-equal-key", {}),
        ("binary-frame", {}),
    ],
)
def test_one_thing_differs(kind: str, change: dict[str, object], *, combined: bool) -> None:
    payload = json.loads(garbage.payload(kind, ROW, combined=combined))
    if combined:
        assert payload["stream"] == "btcusdt@trade"
        payload = payload["data"]
    assert payload == {name: value for name, value in (GOOD | change).items() if value is not None}


def test_what_json_cannot_tell() -> None:
    assert garbage.payload("empty-object", ROW, combined=False) == b"{}"
    assert garbage.payload("empty-object", ROW, combined=True) == b'{"stream":"btcusdt@trade","data":{}}'
    twice = garbage.payload("duplicate-equal-key", ROW, combined=False)
    assert twice.count(f'"p":"{ROW["price_text"]}"'.encode()) == 2
    for combined in (True, False):
        cut = garbage.payload("not-json", ROW, combined=combined)
        assert trade_frame(ROW, combined=combined).startswith(cut)
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            json.loads(cut)


def test_actions_for_kinds() -> None:
    actions = [garbage.action(kind, 7) for kind in KINDS]
    assert actions[:12] == [Garbage(at=7, kind=kind) for kind in list(KINDS)[:12]]
    assert actions[12:] == [HalfFrame(at=7), Oversize(at=7), ProtocolError(at=7)]


def test_kinds_that_do_not_exist_or_have_no_payload() -> None:
    with pytest.raises(ValueError, match="garbage 'rubbish' is unknown; allowed: not-json, "):
        garbage.action("rubbish", 1)
    with pytest.raises(ValueError, match="garbage oversize ends the connection"):
        garbage.payload("oversize", ROW, combined=True)
