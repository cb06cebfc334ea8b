"""Spans of missing ids."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from tickproof.gaps import Told, spans, spoken


def rows(*keys: tuple[str, int]) -> pa.Table:
    return pa.table(
        {
            "symbol": pa.array([key[0] for key in keys], pa.string()),
            "trade_id": pa.array([key[1] for key in keys], pa.int64()),
        }
    )


@given(st.sets(st.tuples(st.sampled_from("AB"), st.integers(0, 40))))
def test_spans_hold_exactly_the_ids_and_none_touch(keys: set[tuple[str, int]]) -> None:
    found = spans(rows(*keys))
    assert {(name, n) for name, first, last in found for n in range(first, last + 1)} == keys
    assert not {(name, last + 1) for name, _, last in found} & {(name, first) for name, first, _ in found}
    assert all(first <= last for _, first, last in found)


def test_ids_of_two_symbols_make_two_spans() -> None:
    assert spans(rows(("B", 2), ("A", 1), ("B", 3), ("A", 5))) == {("A", 1, 1), ("A", 5, 5), ("B", 2, 3)}


def test_spans_in_words() -> None:
    assert spoken(frozenset({("B", 2, 3), ("A", 1, 1)})) == "A 1 to 1, B 2 to 3"
    assert spoken(frozenset()) == "nothing"


def test_what_was_told_in_words() -> None:
    told = Told(frozenset({("A", 1, 2)}), frozenset(), 1)
    assert told.sentence() == (
        "the topic of gaps tells A 1 to 2; the log of the feed tells nothing; "
        "the metric of the feed has grown by 1 gaps"
    )
