import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from writer_support import encode, polled, trade

from tickerplant.writer.decode import Decoder
from tickerplant.writer.deduplicate import Deduplicator, distinct_ids
from tickerplant.writer.intervals import LOWEST, Integers, Intervals

Key = tuple[str, int]
KEYS = st.tuples(st.sampled_from(["A", "B", "ÄÖ", "a"]), st.integers(0, 40))
BATCHES = st.lists(st.lists(KEYS, max_size=60), max_size=8)


def nothing_stored(_symbol: str, _ids: Integers) -> Integers:
    raise AssertionError("nobody should have to look into the table")


def rows(keys: list[Key]) -> pa.Table:
    messages = [encode(trade(symbol, number)) for symbol, number in keys]
    return Decoder().decode(polled(*messages)).rows


def keys_of(table: pa.Table) -> list[Key]:
    return list(zip(table["symbol"].to_pylist(), table["trade_id"].to_pylist(), strict=True))


def intervals_of(ids: Intervals, symbol: str) -> list[tuple[int, int]]:
    code = ids.symbols.index(symbol)
    here = ids.codes == code
    return list(zip(ids.starts[here].tolist(), ids.ends[here].tolist(), strict=True))


@settings(max_examples=200, deadline=None)
@given(BATCHES)
def test_every_key_is_fresh_exactly_once(batches: list[list[Key]]) -> None:
    deduplicator = Deduplicator(nothing_stored)
    ids, seen = Intervals(), set()
    for batch in batches:
        fresh = deduplicator.fresh(rows(batch), ids)
        assert keys_of(fresh.rows) == sorted(set(batch) - seen, key=lambda key: (key[0].encode(), key[1]))
        assert fresh.dropped == len(batch) - len(fresh.rows)
        ids = fresh.ids
        seen |= set(batch)
    for symbol in ids.symbols:
        expected = sorted(number for name, number in seen if name == symbol)
        found = [number for start, end in intervals_of(ids, symbol) for number in range(start, end)]
        assert found == expected
        borders = intervals_of(ids, symbol)
        assert all(left[1] < right[0] for left, right in itertools.pairwise(borders))


@settings(max_examples=150, deadline=None)
@given(BATCHES, st.integers(1, 3))
def test_bounded_intervals_ask_the_table_and_stay_exact(batches: list[list[Key]], limit: int) -> None:
    stored: set[tuple[str, int]] = set()

    def stored_ids(symbol: str, wanted: Integers) -> Integers:
        assert list(wanted) == sorted(set(wanted))
        return np.array([n for name, n in stored if name == symbol and wanted[0] <= n <= wanted[-1]])

    deduplicator = Deduplicator(stored_ids, limit)
    ids = Intervals()
    for batch in batches:
        fresh = deduplicator.fresh(rows(batch), ids)
        assert set(keys_of(fresh.rows)) == set(batch) - stored
        assert len(fresh.rows) == len(set(batch) - stored)
        stored |= set(batch)
        ids = fresh.ids
        assert not len(ids) or np.bincount(ids.codes).max() <= limit


@settings(max_examples=80, deadline=None)
@given(BATCHES)
def test_intervals_survive_their_file(batches: list[list[Key]]) -> None:
    ids = Intervals()
    for batch in batches:
        ids = distinct_ids(rows(batch), ids) if batch else ids
    ids = ids.bounded(2)
    again = Intervals.from_table(pa.ipc.open_stream(_stream(ids.to_table())).read_all())
    assert again.symbols == ids.symbols
    for name in ("floors", "codes", "starts", "ends"):
        assert np.array_equal(getattr(again, name), getattr(ids, name))


def _stream(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def test_a_foreign_table_is_not_taken_for_intervals() -> None:
    with pytest.raises(ValueError, match="no id intervals"):
        Intervals.from_table(pa.table({"symbol": ["A"]}))


def test_of_repetitions_in_one_batch_the_first_polled_stays() -> None:
    messages = [encode(trade("A", 1, source="rest")), encode(trade("A", 1, source="live"))]
    fresh = Deduplicator(nothing_stored).fresh(Decoder().decode(polled(*messages)).rows, Intervals())
    assert fresh.rows["source"].to_pylist() == ["rest"]
    assert fresh.rows["source_offset"].to_pylist() == [0]
    assert fresh.dropped == 1


def test_the_greatest_storable_id_has_room_for_its_interval() -> None:
    key = ("A", 2**63 - 2)
    deduplicator = Deduplicator(nothing_stored)
    fresh = deduplicator.fresh(rows([key]), Intervals())
    assert keys_of(fresh.rows) == [key]
    assert not len(deduplicator.fresh(rows([key]), fresh.ids).rows)


def test_contiguous_ids_need_one_interval_and_a_late_trade_closes_the_gap() -> None:
    deduplicator = Deduplicator(nothing_stored)
    ids = deduplicator.fresh(rows([("A", n) for n in range(1_000) if n != 500]), Intervals()).ids
    assert intervals_of(ids, "A") == [(0, 500), (501, 1_000)]
    ids = deduplicator.fresh(rows([("A", 500)]), ids).ids
    assert intervals_of(ids, "A") == [(0, 1_000)]
    assert ids.floors.tolist() == [LOWEST]
