"""Two hops against each other, without the ledger of what was sent."""

import numpy as np
import pyarrow as pa
import pytest
from messages.approved import approve
from planting import plant
from slow_judge import slow_judge
from small import seen, trade
from tickproof.verdicts import Agreement, Kind, Outcome, Void, agree

FIVE = [trade(number) for number in range(1, 6)]


def compare(left: pa.Table, right: pa.Table) -> Agreement:
    return agree(left, right, left_hop="kafka", right_hop="lake")


def test_the_same_trades_in_another_order_agree() -> None:
    verdict = compare(seen(*FIVE, trade(2)), seen(*reversed(FIVE)))
    assert verdict.ok
    assert (verdict.trades_left, verdict.trades_right) == (5, 5)
    approve("agreement-pass", verdict.sentences())


def test_differences_are_named() -> None:
    right = seen(*FIVE[:3], trade(4, side="sell"), trade(9), trade(9), trade(1, "DOGEUSDT"), trade(None))
    verdict = compare(seen(*FIVE), right)
    assert (verdict.only_left, verdict.only_right, verdict.different) == (1, 3, 1)
    assert verdict.trades_right == 4 + 3
    assert len(verdict.sentences().splitlines()) <= 8
    approve("agreement-fail", verdict.sentences())


def test_a_hop_that_contradicts_itself_differs() -> None:
    twice = seen(*FIVE, trade(3, side="sell"))
    for verdict in (compare(twice, seen(*FIVE)), compare(seen(*FIVE), twice)):
        assert verdict.different == 1
        assert [one.trade_id for one in verdict.anomalies] == [3]
    assert compare(seen(*FIVE, trade(3)), seen(*FIVE)).ok


def test_hops_that_promise_exactly_once_show_each_trade_equally_often() -> None:
    def often(left: pa.Table, right: pa.Table) -> Agreement:
        return agree(left, right, left_hop="lake", right_hop="api", rows_too=True)

    thrice = seen(*FIVE, trade(2), trade(2), trade(4))
    assert compare(seen(*FIVE), thrice).ok  # where repetitions are allowed
    for verdict in (often(seen(*FIVE), thrice), often(thrice, seen(*FIVE))):
        assert (verdict.uneven, verdict.outcome) == (2, Outcome.FAIL)
        assert [(one.kind, one.trade_id) for one in verdict.anomalies] == [
            (Kind.DUPLICATED, 2), (Kind.DUPLICATED, 4),
        ]  # fmt: skip
    assert often(thrice, thrice).ok  # that both repeat is the matter of another verdict
    missing = often(thrice, seen(*FIVE[:1], *FIVE[2:]))
    assert (missing.only_left, missing.uneven) == (1, 1)
    told = [often(seen(*FIVE), seen(*FIVE)), often(seen(*FIVE), thrice), missing]
    approve("agreement-equally-often", "\n\n".join(one.sentences() for one in told))


def test_times_are_compared_in_the_coarser_unit() -> None:
    left, right = seen(trade(1, event_time=1_999_999)), seen(trade(1, event_time=1_999_001))
    assert agree(left, right, left_hop="kafka", right_hop="lake", event_time_unit="us").ok
    assert agree(right, left, left_hop="kafka", right_hop="lake", event_time_unit="us").ok
    assert compare(left, right).different == 1


def test_two_empty_hops_are_void() -> None:
    verdict = compare(seen(), seen())
    assert verdict.outcome is Outcome.VOID
    with pytest.raises(Void, match=r"^VOID: "):
        verdict.fail_if_any()
    assert compare(seen(), seen(trade(1))).outcome is Outcome.FAIL
    assert compare(seen(trade(1)), seen()).outcome is Outcome.FAIL


@pytest.mark.parametrize("seed", range(30))
def test_it_finds_what_was_planted(seed: int) -> None:
    ledgers = plant(5_000 + seed, rows=1 + 40 * seed)
    left = ledgers.sent.append_column("lane", pa.nulls(ledgers.sent.num_rows, pa.int64()))
    left = left.append_column("offset", left["lane"])
    verdict = agree(left, ledgers.seen, left_hop="plan", right_hop="kafka")
    counts, named = slow_judge(ledgers.sent, ledgers.seen)
    assert verdict.only_left == counts[Kind.LOST]
    assert verdict.only_right == len({one for one in named if one[0] is Kind.PHANTOM})
    assert verdict.different == len({one[1:3] for one in named if one[0] is Kind.ALTERED})
    again = agree(ledgers.seen, left, left_hop="kafka", right_hop="plan")
    nameless = {one for one in named if one[0] is Kind.PHANTOM and None in one[1:3]}
    assert (again.only_left, again.only_right) == (verdict.only_right - len(nameless), verdict.only_left)
    assert again.different == verdict.different
    assert np.isscalar(again.different)
