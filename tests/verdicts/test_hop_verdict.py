"""What a verdict says of one hop: by its guarantee, by name, in plain sentences."""

from dataclasses import replace
from decimal import Decimal
from itertools import chain

import pytest
from messages.approved import approve
from small import seen, sent, trade
from tickproof.verdicts import TEXT, Anomaly, Guarantee, Kind, Outcome, Void, judge

EXACTLY, AT_LEAST, AT_MOST = Guarantee.EXACTLY_ONCE, Guarantee.AT_LEAST_ONCE, Guarantee.AT_MOST_ONCE
FIVE = [trade(number) for number in range(1, 6)]


def rows(*ids: int) -> list[dict[str, object]]:
    return [trade(number) for number in ids]


@pytest.mark.parametrize(
    ("guarantee", "shown", "outcome"),
    [
        (EXACTLY, [1, 2, 3, 4, 5], Outcome.PASS),
        (EXACTLY, [1, 2, 3, 4, 5, 5], Outcome.FAIL),
        (EXACTLY, [1, 2, 3, 4], Outcome.FAIL),
        (AT_LEAST, [1, 2, 3, 4, 5, 5], Outcome.PASS),
        (AT_LEAST, [1, 2, 3, 4], Outcome.FAIL),
        (AT_MOST, [1, 2, 3, 4, 5, 5], Outcome.FAIL),
        (AT_MOST, [1, 2, 3, 4], Outcome.PASS),
        (AT_MOST, [1, 2, 3, 4, 6], Outcome.FAIL),
        (AT_LEAST, [1, 2, 3, 4, 5, 6], Outcome.FAIL),
    ],
)
def test_the_guarantee_decides(guarantee: Guarantee, shown: list[int], outcome: Outcome) -> None:
    verdict = judge(sent(*FIVE), seen(*rows(*shown)), hop="kafka", guarantee=guarantee)
    assert verdict.outcome is outcome


SENTINELS = [trade(5, kind="sentinel"), trade(9, "BTCUSDT", kind="sentinel")]


@pytest.mark.parametrize(
    ("plan", "shown", "why"),
    [
        (FIVE, [], "losses are excused and nothing of 5 trades was seen"),
        ([*FIVE[:4], *SENTINELS], FIVE[:4], "losses are excused and none of 2 sentinels was seen"),
        ([*FIVE[:4], SENTINELS[0]], FIVE[:4], "losses are excused and the sentinel was not seen"),
        ([*FIVE[:4], *SENTINELS], [*FIVE[:2], trade(9, "BTCUSDT")], None),
        (FIVE, FIVE[:1], None),  # a part of a flow, that ends before the sentinel
        ([*FIVE[:4], {**SENTINELS[0], "expect": "absent"}], FIVE[:1], None),
    ],
    ids=["nothing", "no sentinel", "not the one sentinel", "one sentinel", "none sent", "none to be seen"],
)
def test_where_losses_are_excused_something_has_to_be_seen(
    plan: list[dict[str, object]], shown: list[dict[str, object]], why: str | None
) -> None:
    verdict = judge(sent(*plan), seen(*shown), hop="kafka", guarantee=AT_MOST)
    assert verdict.void == why
    assert verdict.outcome is (Outcome.VOID if why else Outcome.PASS)
    for strict in (EXACTLY, AT_LEAST):
        assert judge(sent(*plan), seen(*shown), hop="kafka", guarantee=strict).outcome is Outcome.FAIL


def test_a_phantom_is_no_proof_that_anything_came() -> None:
    verdict = judge(sent(*FIVE), seen(trade(6)), hop="kafka", guarantee=AT_MOST)
    assert verdict.outcome is Outcome.VOID


def test_a_lost_trade_is_named_with_both_neighbours_and_where_it_was_seen_last() -> None:
    verdict = judge(
        sent(*FIVE),
        seen(*rows(2, 4)),
        hop="api",
        guarantee=EXACTLY,
        earlier={"kafka": seen(*rows(1, 2, 3, 4)), "lake": seen(*rows(2, 3, 4))},
    )
    assert verdict.anomalies == (
        Anomaly(Kind.LOST, "ETHBTC", 1, None, 2, last_seen_at="kafka"),
        Anomaly(Kind.LOST, "ETHBTC", 3, 2, 4, last_seen_at="lake"),
        Anomaly(Kind.LOST, "ETHBTC", 5, 4, None, last_seen_at="sent"),
    )


def test_nothing_sent_is_void() -> None:
    verdict = judge(sent(), seen(), hop="lake", guarantee=EXACTLY)
    assert verdict.outcome is Outcome.VOID
    with pytest.raises(Void, match=r"^VOID: nothing was sent") as raised:
        verdict.fail_if_any()
    assert isinstance(raised.value, AssertionError)


def test_a_stranger_where_nothing_was_sent_is_a_failure() -> None:
    verdict = judge(sent(), seen(trade(1)), hop="lake", guarantee=EXACTLY)
    assert (verdict.outcome, verdict.phantom) == (Outcome.FAIL, 1)


def test_what_must_not_appear_is_a_phantom_that_says_so() -> None:
    plan = sent(*FIVE, trade(6, expect="absent"), trade(5, expect="quarantined", kind="not-json"))
    verdict = judge(plan, seen(*rows(1, 2, 3, 4, 5, 6)), hop="lake", guarantee=EXACTLY)
    assert [(one.kind, one.trade_id, one.expected) for one in verdict.anomalies] == [
        (Kind.PHANTOM, 6, "absent")
    ]
    assert verdict.sent == 5


def test_a_time_is_compared_in_the_unit_that_the_hop_can_hold() -> None:
    plan = sent(trade(1, event_time=1_999_999))
    kept = seen(trade(1, event_time=1_999_000))
    assert judge(plan, kept, hop="kafka", guarantee=EXACTLY, event_time_unit="us").ok
    assert judge(plan, kept, hop="kafka", guarantee=EXACTLY).altered == 1
    rounded_up = seen(trade(1, event_time=2_000_000))
    assert judge(plan, rounded_up, hop="kafka", guarantee=EXACTLY, event_time_unit="us").altered == 1


def test_the_last_of_eighteen_decimals_counts() -> None:
    plan = sent(trade(1, price=Decimal("123456789012345678.000000000000000001")))
    kept = seen(trade(1, price=Decimal("123456789012345678.000000000000000002")))
    (anomaly,) = judge(plan, kept, hop="lake", guarantee=EXACTLY).anomalies
    assert (anomaly.field, anomaly.expected, anomaly.got) == (
        "price",
        "123456789012345678.000000000000000001",
        "123456789012345678.000000000000000002",
    )


def test_the_text_counts_where_the_hop_keeps_it() -> None:
    plan = sent(trade(1, price_text="0.03125000", quantity_text="1.5"))
    kept = seen(trade(1, price_text="0.03125", quantity_text="1.5"))
    assert judge(plan, kept, hop="kafka", guarantee=EXACTLY).ok
    (anomaly,) = judge(plan, kept, hop="kafka", guarantee=EXACTLY, fields=TEXT).anomalies
    assert (anomaly.field, anomaly.expected, anomaly.got) == ("price_text", "0.03125000", "0.03125")


def test_one_trade_in_the_wrong_place_is_one_anomaly() -> None:
    late = judge(sent(*FIVE), seen(*rows(1, 3, 4, 5, 2)), hop="kafka", guarantee=EXACTLY, order=True)
    early = judge(sent(*FIVE), seen(*rows(1, 5, 2, 3, 4)), hop="kafka", guarantee=EXACTLY, order=True)
    assert [(one.trade_id, one.got) for one in late.anomalies] == [(2, "after 3")]
    assert [(one.trade_id, one.got) for one in early.anomalies] == [(4, "after 5")]


def test_a_repaired_row_is_judged_for_presence_only() -> None:
    shown = [trade(1), trade(3), trade(4), trade(2, source="rest"), trade(5)]
    verdict = judge(sent(*FIVE), seen(*shown), hop="kafka", guarantee=EXACTLY, order=True)
    assert verdict.ok
    assert verdict.repaired == 1


def test_rows_between_lanes_have_no_order_but_a_symbol_keeps_to_one() -> None:
    shown = [trade(1, lane=0), trade(3, lane=0), trade(2, lane=1), trade(5, lane=1), trade(4, lane=1)]
    verdict = judge(sent(*FIVE), seen(*shown), hop="kafka", guarantee=EXACTLY, order=True, lanes=True)
    assert [(one.kind, one.trade_id, one.got) for one in verdict.anomalies] == [
        (Kind.OUT_OF_ORDER, 4, "after 5"),
        (Kind.SPLIT, None, "0 and 1"),
    ]


def test_all_are_counted_and_some_of_each_kind_are_named() -> None:
    plan = sent(*(trade(number) for number in range(1, 401)))
    kept = [trade(number, side="sell") for number in range(1, 201)]
    verdict = judge(plan, seen(*kept, *kept), hop="lake", guarantee=EXACTLY, max_named=9)
    assert (verdict.lost, verdict.duplicated, verdict.altered) == (200, 200, 400)
    kinds = [one.kind for one in verdict.anomalies]
    assert kinds == list(chain([Kind.LOST] * 3, [Kind.DUPLICATED] * 3, [Kind.ALTERED] * 3))


def test_rows_without_a_place_cannot_be_judged_for_order() -> None:
    with pytest.raises(ValueError, match="kafka: a row has no offset, so its order cannot be judged"):
        judge(sent(*FIVE), seen(trade(1, offset=None)), hop="kafka", guarantee=EXACTLY, order=True)


def test_a_column_of_another_type_is_refused() -> None:
    floats = seen(*FIVE)
    price = floats["price"].cast("double")
    floats = floats.set_column(floats.schema.get_field_index("price"), "price", price)
    with pytest.raises(ValueError, match=r"lake: column price is double, it must be decimal128\(38, 18\)"):
        judge(sent(*FIVE), floats, hop="lake", guarantee=EXACTLY)
    with pytest.raises(ValueError, match="lake: column side is missing"):
        judge(sent(*FIVE), seen(*FIVE).drop(["side"]), hop="lake", guarantee=EXACTLY)


def test_the_sentences_of_a_hop_in_order() -> None:
    plan = sent(*(trade(number) for number in range(20_000)))
    kept = seen(*(trade(number) for number in range(20_000)))
    verdict = judge(plan, kept, hop="kafka", guarantee=EXACTLY, order=True, lanes=True)
    approve("verdict-pass", verdict.sentences())


def test_the_sentences_of_what_the_guarantee_allows() -> None:
    verdict = judge(
        sent(*FIVE), seen(*rows(1, 2, 3, 4, 5, 5, 5)), hop="kafka", guarantee=AT_LEAST, order=True
    )
    approve("verdict-pass-allowed", verdict.sentences())


def test_the_sentences_of_one_fault() -> None:
    verdict = judge(sent(*FIVE), seen(*rows(1, 2, 4, 5)), hop="lake", guarantee=EXACTLY)
    approve("verdict-one-lost", verdict.sentences())


WAITED = (
    "Every trade sent should be at lake within 60 s, but nothing moved for 20 s.\n"
    "Last seen: 4 of 5 trades.\n"
    "Looked 400 times in 23 s; the figure went from 0 to 4 and last moved 20 s ago."
)


def test_the_sentences_of_a_loss_tell_how_it_was_waited_for() -> None:
    verdict = judge(sent(*FIVE), seen(*rows(1, 2, 4, 5)), hop="lake", guarantee=EXACTLY)
    approve("verdict-waited", replace(verdict, waited=WAITED).sentences())
    whole = judge(sent(*FIVE), seen(*rows(1, 2, 3, 4, 5, 5)), hop="lake", guarantee=EXACTLY)
    assert "Looked" not in replace(whole, waited=WAITED).sentences()


def test_the_sentences_of_every_fault_at_once() -> None:
    plan = sent(
        *(trade(number) for number in range(2_000)), *(trade(number, "BTCUSDT") for number in range(9))
    )
    shown = [trade(number) for number in range(1_000, 1_990)]
    shown[7]["price"] = Decimal("0.03125001")
    shown[8]["event_time"] = NOON_AND_ONE
    shown[20], shown[21] = shown[21], shown[20]
    shown += [
        trade(1_050),
        trade(1_050),
        trade(5_000),
        trade(7, "DOGEUSDT"),
        trade(None),
        trade(1_999, lane=8),
    ]
    shown += [trade(number, "BTCUSDT") for number in range(9)]
    verdict = judge(plan, seen(*shown), hop="lake", guarantee=EXACTLY, order=True, lanes=True)
    assert len(verdict.sentences().splitlines()) <= 8
    approve("verdict-every-fault", verdict.sentences())
    lines = replace(verdict, waited=WAITED).sentences().splitlines()
    assert len(lines) == 8
    assert lines[-1] == WAITED.replace("\n", " ")


def test_the_sentences_of_a_void() -> None:
    approve("verdict-void", judge(sent(), seen(), hop="lake", guarantee=EXACTLY).sentences())


NOON_AND_ONE = 1_767_355_200_000_000_001
