"""Everything sent is stored or quarantined; and when it came."""

import pytest
from messages.approved import approve
from small import NOON, seen, sent, trade
from tickproof.verdicts import Outcome, Void, account, arrivals

PLAN = sent(
    *(trade(number) for number in range(1, 6)),
    trade(2, expect="quarantined", kind="not-json"),
    trade(3, expect="quarantined", kind="not-json", copies=2),
    trade(3, expect="quarantined", kind="wrong-case"),
    trade(9, expect="absent"),
)
STORED = seen(*(trade(number) for number in range(1, 6)), trade(5))
LETTERS = ["not-json", "wrong-case", "not-json", "not-json"]


def test_the_books_balance() -> None:
    books = account(PLAN, hop="lake", stored=STORED, quarantined=LETTERS)
    assert books.ok
    assert (books.sent, books.trades, books.garbage) == (9, 5, 4)
    approve("account-pass", books.sentences())


def test_the_books_do_not_balance() -> None:
    stored = seen(*(trade(number) for number in range(1, 5)), trade(9))
    books = account(PLAN, hop="lake", stored=stored, quarantined=["not-json", "wrong-case", "empty-object"])
    assert books.outcome is Outcome.FAIL
    assert len(books.sentences().splitlines()) <= 8
    approve("account-fail", books.sentences())
    with pytest.raises(AssertionError, match="9 sent = 5 to be stored"):
        books.fail_if_any()


@pytest.mark.parametrize(
    "letters", [LETTERS[1:], [*LETTERS, "not-json"], ["not-json", *LETTERS[:1], "x", "y"]]
)
def test_every_letter_counts(letters: list[str]) -> None:
    assert not account(PLAN, hop="lake", stored=STORED, quarantined=letters).ok


def test_nothing_sent_is_void() -> None:
    with pytest.raises(Void, match=r"^VOID: nothing was sent"):
        account(sent(), hop="lake", stored=seen(), quarantined=[]).fail_if_any()


def test_arrivals_are_counted_by_slices() -> None:
    shown = seen(*(trade(1, seen_ns=NOON + number) for number in (0, 99, 100, 350)), trade(2, seen_ns=None))
    for rows in (shown, iter(shown.to_batches(max_chunksize=1))):
        counted = arrivals(rows, column="seen_ns", every_ns=100)
        assert (counted.starts_ns - NOON).tolist() == [0, 100, 300]
        assert counted.counts.tolist() == [2, 1, 1]
    assert arrivals(seen(), column="seen_ns").counts.tolist() == []


def test_a_slice_of_no_width_is_refused() -> None:
    with pytest.raises(ValueError, match="wider than 0 ns"):
        arrivals(seen(), column="seen_ns", every_ns=0)
    with pytest.raises(ValueError, match="column gone_ns is missing"):
        arrivals(seen(trade(1)), column="gone_ns")
