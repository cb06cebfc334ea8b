"""Pages: whatever their size, and whatever happens to the table meanwhile, they are the rows of one snapshot."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from api_support import NOON, Api, Lake, make_api, rows, trade
from hypothesis import given, settings
from hypothesis import strategies as st

from tickerplant.api.store import Position, Selection, blocks, snapshots
from tickerplant.api.store.blocks import make_block
from tickerplant.writer import state

SYMBOLS = ("AAA", "BBB", "CCC")
MOMENTS = st.sampled_from([NOON, NOON + 1, NOON + 2, NOON + 86_400_000_000])
KEYS = st.tuples(st.sampled_from(SYMBOLS), st.integers(0, 3), MOMENTS)


def key(row: dict[str, Any]) -> tuple[str, str, int]:
    return (row["event_time"], row["symbol"], row["trade_id"])


def make(keys: list[tuple[str, int, int]], first: int) -> list[dict[str, Any]]:
    """Trades of these keys in the order of the source, written in the table's sort order."""
    return [
        trade(symbol, trade_id, at, source_partition=SYMBOLS.index(symbol), source_offset=first + place)
        for place, (symbol, trade_id, at) in enumerate(keys)
    ]


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_pages_of_any_size_hold_the_pinned_rows_once(data: st.DataObject) -> None:
    # Keys repeat on purpose: should the table ever hold a row twice, clients must see it twice.
    batches = data.draw(st.lists(st.lists(KEYS, min_size=1, max_size=12), min_size=2, max_size=5))
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder))
        api = make_api(lake)
        pinned = data.draw(st.integers(1, len(batches)))
        for number, batch in enumerate(batches[:pinned]):
            lake.append(*make(batch, 100 * number))
        chosen = data.draw(
            st.none() | st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=2, unique=True)
        )
        filters = {} if chosen is None else {"symbol": chosen}
        held = [one for batch in batches[:pinned] for one in batch if chosen is None or one[0] in chosen]
        found: list[dict[str, Any]] = []
        following = None
        later = iter(range(pinned, len(batches)))
        for _ in range(len(held) + 1):
            cursor = {"cursor": following} if following else {}
            limit = data.draw(st.integers(1, 7))
            answer = api.get("/v1/trades", limit=limit, **filters, **cursor).json()
            found += answer["data"]
            following = answer["next_cursor"]
            if following is None:
                break
            assert len(answer["data"]) == limit
            happens = data.draw(st.sampled_from(["nothing", "append", "compact", "expire", "restart"]))
            number = next(later, None) if happens == "append" else None
            if number is not None:
                lake.append(*make(batches[number], 100 * number))
            elif happens == "compact":
                lake.compact()
            elif happens == "expire":
                lake.expire()
            elif happens == "restart":
                api = make_api(lake)
    assert following is None, "pages go on behind the last row"
    expected = sorted((at, symbol, trade_id) for symbol, trade_id, at in held)
    got = [(micros(row["event_time"]), row["symbol"], row["trade_id"]) for row in found]
    assert got == expected


def micros(text: str) -> int:
    days = {"2026-01-02": 0, "2026-01-03": 86_400_000_000}[text[:10]]
    return NOON + days + int(text[20:26])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(KEYS, min_size=1, max_size=30),
    st.tuples(MOMENTS, st.sampled_from(["A", *SYMBOLS, "Z"]), st.integers(0, 3)),
)
def test_a_block_seeks_the_first_row_from_a_key_on(
    keys: list[tuple[str, int, int]], wanted: tuple[int, str, int]
) -> None:
    block = make_block(rows(make(keys, 0)))
    ordered = sorted((at, symbol, trade_id) for symbol, trade_id, at in keys)
    assert block.seek(wanted) == sum(one < wanted for one in ordered)
    for symbol in SYMBOLS:
        assert [int(block.ids[row]) for row in block.rows_of(symbol)] == [
            i for _, s, i in ordered if s == symbol
        ]


def test_large_files_are_read_by_row_groups(lake: Lake, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_SMALL_FILE_ROWS", 3)
    lake.append(*[trade(symbol, i, NOON + i) for symbol in SYMBOLS for i in range(4)])
    assert [row["trade_id"] for row in api.pages(symbol="BBB", limit=3)] == [0, 1, 2, 3]
    assert len(api.pages(limit=5)) == 12


def test_rows_outside_the_range_are_not_served(lake: Lake, api: Api) -> None:
    lake.append(*[trade("AAA", i, NOON + i * 1_000_000) for i in range(10)])
    found = api.pages(start="2026-01-02T10:04:07+07:00", end="2026-01-02T03:04:10Z", limit=2)
    assert [row["trade_id"] for row in found] == [2, 3, 4]
    assert api.pages(start="2026-01-02T03:04:07Z", end="2026-01-02T03:04:07Z") == []
    assert (
        api.pages(start="0000-01-01T00:00:00+23:59", end="9999-12-31T23:59:59-23:59", limit=3) == api.pages()
    )


def test_files_outside_the_range_are_not_opened(lake: Lake, api: Api) -> None:
    for day in range(5):
        lake.append(
            trade("AAA", day, NOON + day * 86_400_000_000), trade("BBB", day, NOON + day * 86_400_000_000)
        )
    lake.append(trade("CCC", 0, NOON))
    store = api.parts.store
    opened = []
    read = store._blocks.load
    store._blocks.load = lambda part: opened.append(part.path) or read(part)  # type: ignore[method-assign,func-returns-value]
    store.page(store.newest(), Selection(frozenset(["CCC"])), None, 10)
    assert len(opened) == 1
    opened.clear()
    store.page(store.newest(), Selection(start=NOON + 3 * 86_400_000_000), None, 10)
    assert len(opened) == 2
    opened.clear()
    store.page(store.newest(), Selection(), Position(NOON, "CCC", 0), 1)
    assert len(opened) < 6


def test_an_older_snapshot_is_served_until_it_expires(lake: Lake, api: Api) -> None:
    first = lake.append(trade("AAA", 1, NOON))
    lake.append(trade("AAA", 2, NOON + 1))
    assert len(api.pages()) == 2
    assert [row["trade_id"] for row in api.pages(snapshot=first)] == [1]
    lake.compact()
    assert [row["trade_id"] for row in api.pages(snapshot=first)] == [1]
    lake.expire()
    fresh = make_api(lake)
    assert fresh.get("/v1/trades", snapshot=first).status == 404
    assert len(fresh.pages()) == 2


def test_a_cursor_outlives_its_snapshot(lake: Lake, api: Api) -> None:
    early = [trade("AAA", i, NOON + 10 * i, source_offset=i) for i in range(4)]
    other = [trade("BBB", i, NOON + 10 * i, source_partition=3, source_offset=i) for i in range(4)]
    lake.append(*early, *other)
    cursor = api.get("/v1/trades", limit=3).json()["next_cursor"]
    pinned = api.get("/v1/trades", limit=3).json()["snapshot"]
    bars = api.get("/v1/bars", symbol="AAA", interval="1d", limit=1)
    lake.append(trade("AAA", 9, NOON + 25, source_offset=9), trade("CCC", 1, NOON + 26, source_partition=7))
    lake.append(trade("BBB", 9, NOON + 999, source_partition=3, source_offset=9))
    lake.compact()
    lake.expire()
    for served in (api, make_api(lake)):
        answer = served.get("/v1/trades", limit=100, cursor=cursor).json()
        assert [(row["symbol"], row["trade_id"]) for row in answer["data"]] == [
            ("BBB", 1),
            ("AAA", 2),
            ("BBB", 2),
            ("AAA", 3),
            ("BBB", 3),
        ]
        assert answer["snapshot"] == pinned
    assert bars.json()["next_cursor"] is None


def test_a_cursor_whose_rows_cannot_be_told_apart_is_gone(lake: Lake, api: Api) -> None:
    lake.append(*[trade("AAA", i, NOON + i) for i in range(4)])
    cursor = api.get("/v1/trades", limit=2).json()["next_cursor"]
    lake.offsets = {0: 1}  # somebody rewrote the table: it claims to have read less than before
    lake.compact()
    lake.expire()
    answer = make_api(lake).get("/v1/trades", limit=2, cursor=cursor)
    assert answer.status == 410
    assert "first page" in answer.json()["detail"]


def test_files_that_vanish_under_the_newest_snapshot_are_looked_for_again(lake: Lake, api: Api) -> None:
    lake.append(trade("AAA", 1, NOON))
    snapshots_ = api.parts.store._snapshots
    api.parts.store.newest()
    snapshots_._max_age = 3_600.0  # the API believes in the old snapshot for an hour
    lake.compact()
    lake.expire()
    assert len(api.pages()) == 1


def test_rows_that_are_there_twice_are_served_twice(lake: Lake, api: Api) -> None:
    for _ in range(3):
        lake.append(trade("AAA", 1, NOON), trade("AAA", 1, NOON), trade("BBB", 1, NOON))
    for limit in range(1, 10):
        assert [key(row)[1] for row in api.pages(limit=limit)] == ["AAA"] * 6 + ["BBB"] * 3


def test_the_writer_s_names_for_how_far_it_read_are_those_that_are_looked_for() -> None:
    assert (snapshots.TOPIC, snapshots.OFFSETS) == (state.TOPIC, state.OFFSETS)
