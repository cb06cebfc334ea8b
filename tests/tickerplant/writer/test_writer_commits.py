import json
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation
from sqlalchemy.exc import OperationalError
from writer_support import (
    DAY,
    NOON,
    Bench,
    MemoryTopic,
    bench,
    keys_in_file,
    repeated,
    stored,
    table_at,
    trade,
)

from tickerplant.writer import snapshots
from tickerplant.writer import state as keys
from tickerplant.writer import swap as swapping
from tickerplant.writer.commit import CommitError, FencedError
from tickerplant.writer.snapshots import Staged
from tickerplant.writer.source import Polled
from tickerplant.writer.state import last_own_snapshot


def offsets(table: Table) -> dict[str, int]:
    return json.loads(last_own_snapshot(table).summary[keys.OFFSETS])


def test_trades_are_stored_once_with_their_values_and_source_positions(tmp_path: Path) -> None:
    topic = MemoryTopic()
    topic.put(*(trade(symbol, n, price="0.00000001") for n in range(50) for symbol in ("ETHBTC", "BTCUSDT")))
    topic.put(trade("ETHBTC", 7), trade("BTCUSDT", 49))
    it = bench(tmp_path, topic)
    it.drain()
    assert stored(it.table) == sorted((symbol, n) for n in range(50) for symbol in ("ETHBTC", "BTCUSDT"))
    rows = it.table.scan().to_arrow().to_pylist()
    assert {row["price"] for row in rows} == {Decimal("0.00000001")}
    for row in rows:
        message = json.loads(topic.partitions[row["source_partition"]][row["source_offset"]])
        assert (row["symbol"], row["trade_id"]) == (message["symbol"], message["trade_id"])
        assert row["write_time"] > row["ingest_time"]


def test_files_are_sorted_and_partitioned_by_day(tmp_path: Path) -> None:
    topic = MemoryTopic()
    for n in range(60):
        topic.put(trade("ETHBTC", 59 - n, event_time_us=NOON - (n % 3) * DAY), trade("BTCUSDT", n))
    it = bench(tmp_path, topic)
    it.drain()
    it.table.refresh()
    files = it.table.inspect.files()
    assert {str(part["event_time_day"]) for part in files["partition"].to_pylist()} == {
        "2026-01-02",
        "2026-01-01",
        "2025-12-31",
    }
    assert set(files["sort_order_id"].to_pylist()) == {it.table.sort_order().order_id}
    for path in files["file_path"].to_pylist():
        keys = keys_in_file(path)
        assert keys == sorted(keys)


def test_a_restart_continues_from_the_table_not_from_the_group(tmp_path: Path) -> None:
    topic = MemoryTopic()
    topic.put(*(trade("A", n) for n in range(10)))
    first = bench(tmp_path, topic)
    first.drain()
    assert first.source.saved[-1] == {int(n): at for n, at in offsets(first.table).items()}
    topic.put(*(trade("A", n) for n in range(5, 15)))
    second = bench(tmp_path, topic, name="two")
    assert sum(second.source.positions.values()) == 10
    second.drain()
    assert stored(second.table) == [("A", n) for n in range(15)]


def test_offsets_of_another_topic_mean_nothing(tmp_path: Path) -> None:
    topic = MemoryTopic()
    topic.put(*(trade("A", n) for n in range(10)))
    first = bench(tmp_path, topic)
    first.parts.committer._states._topic = "elsewhere"
    first.drain()
    second = bench(tmp_path, topic, name="two")
    assert sum(second.source.positions.values()) == 0
    second.drain()
    assert stored(second.table) == [("A", n) for n in range(10)]


def test_late_and_repaired_trades_are_kept(tmp_path: Path) -> None:
    topic = MemoryTopic()
    topic.put(*(trade("A", n) for n in range(100) if n not in (3, 50)))
    it = bench(tmp_path, topic)
    it.drain()
    topic.put(trade("A", 50, source="rest"), trade("A", 3, event_time_us=NOON - DAY), trade("A", 4))
    it.drain()
    assert stored(it.table) == [("A", n) for n in range(100)]


def test_bad_messages_are_quarantined_and_offsets_pass_them(tmp_path: Path) -> None:
    topic = MemoryTopic([[]])
    topic.put(b"bad", trade("A", 1), b"worse")
    it = bench(tmp_path, topic)
    it.drain()
    assert [(r.reason, r.offset) for r in it.dead_letters.rejects] == [("not-json", 0), ("not-json", 2)]
    assert stored(it.table) == [("A", 1)]
    assert offsets(it.table) == {"0": 3}


def test_dead_letters_that_were_not_delivered_keep_their_batch_uncommitted(tmp_path: Path) -> None:
    topic = MemoryTopic([[]])
    topic.put(trade("A", 1), b"bad")
    it = bench(tmp_path, topic)

    def fail(_rejects: object) -> None:
        raise RuntimeError("no broker")

    it.dead_letters.send = fail
    with pytest.raises(RuntimeError, match="no broker"):
        it.drain()
    again = bench(tmp_path, topic, name="two")
    again.drain()
    assert len(again.dead_letters.rejects) == 1
    assert stored(again.table) == [("A", 1)]


def test_idle_turns_commit_nothing(tmp_path: Path) -> None:
    topic = MemoryTopic()
    topic.put(trade("A", 1))
    it = bench(tmp_path, topic)
    it.drain()
    before = it.table.metadata_location
    for _ in range(20):
        it.writer.turn()
    assert it.table.metadata_location == before


def test_commits_come_no_more_often_than_the_interval_and_a_lone_trade_does_not_wait_for_it(
    tmp_path: Path,
) -> None:
    now = [1_000.0]
    topic = MemoryTopic()
    it = bench(tmp_path, topic, commit_interval=60.0, gather=0.05)
    it.writer._clock = lambda: now[0]
    it.writer._last_commit = 900.0

    def turn(at: float) -> int:
        now[0] = at
        it.writer.turn()
        return len(stored(it.table))

    topic.put(trade("A", 1))
    assert turn(1_000.0) == 0  # waits a moment for company
    assert turn(1_000.1) == 1
    topic.put(trade("A", 2))
    assert turn(1_001.0) == 1
    topic.put(trade("A", 3))
    assert turn(1_059.0) == 1
    assert turn(1_060.2) == 3


def test_enough_rows_are_committed_before_the_interval_is_over(tmp_path: Path) -> None:
    topic = MemoryTopic()
    it = bench(tmp_path, topic, commit_interval=3_600.0, commit_rows=10)
    it.writer._last_commit = it.writer._clock()
    topic.put(*(trade("A", n) for n in range(25)))
    for _ in range(6):
        it.writer.turn()
    assert len(stored(it.table)) == 20
    it.writer.finish()
    assert len(stored(it.table)) == 25
    assert it.source.closed


def test_a_wish_to_stop_commits_what_was_polled(tmp_path: Path) -> None:
    topic = MemoryTopic()
    topic.put(*(trade("A", n) for n in range(10)))
    it = bench(tmp_path, topic, commit_interval=3_600.0, start=False)
    it.writer._last_commit = it.writer._clock()
    it.source.poll = _stopping_after_poll(it)
    it.writer.run()
    assert stored(it.table) == [("A", n) for n in range(10)]


def _stopping_after_poll(it: Bench) -> Callable[[int, float], Polled]:
    poll = it.source.poll

    def stopping(limit: int, seconds: float) -> Polled:
        polled = poll(limit, seconds)
        if polled.values:
            it.stop.set()
        return polled

    return stopping


# Commits in doubt


def failing(monkeypatch: pytest.MonkeyPatch, *, error: Exception, lands: bool, times: int = 1) -> None:
    """Have the catalog report `error` for some commits, which did or did not take place."""
    left = [times]

    def swap(table: Table, changes: dict[str, object]) -> None:
        if not left[0]:
            return swapping.swap(table, changes)
        left[0] -= 1
        if lands:
            swapping.swap(table_like(table), changes)
        raise error

    monkeypatch.setattr(snapshots, "swap", swap)


def table_like(table: Table) -> Table:
    """Return the same table, so that the writer's own does not learn of a commit."""
    return table.catalog.load_table(table.name())


@pytest.mark.parametrize("outcome", ["lost", "landed"])
@pytest.mark.parametrize(
    "error",
    [CommitFailedException("conflict"), OperationalError("UPDATE", {}, Exception("locked")), OSError("gone")],
    ids=["conflict", "database", "system"],
)
def test_a_commit_in_doubt_is_looked_up_before_it_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, outcome: str
) -> None:
    topic = MemoryTopic()
    it = bench(tmp_path, topic)
    topic.put(*(trade("A", n) for n in range(10)))
    failing(monkeypatch, error=error, lands=outcome == "landed")
    it.drain()
    topic.put(*(trade("A", n) for n in range(20)))
    it.drain()
    assert stored(it.table) == [("A", n) for n in range(20)]
    appends = [s for s in it.table.snapshots() if s.summary["added-data-files"] == "1"]
    assert len(appends) == 2


def test_a_commit_that_fails_for_good_ends_the_writer_and_stores_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = MemoryTopic()
    it = bench(tmp_path, topic)
    topic.put(trade("A", 1))
    failing(monkeypatch, error=OSError("disk full"), lands=False, times=99)
    with pytest.raises(CommitError, match="disk full"):
        it.drain()
    monkeypatch.undo()
    again = bench(tmp_path, topic, name="two")
    again.drain()
    assert stored(again.table) == [("A", 1)]


def test_a_commit_of_another_tool_in_between_costs_nothing(tmp_path: Path) -> None:
    topic = MemoryTopic()
    it = bench(tmp_path, topic)
    topic.put(*(trade("A", n) for n in range(10)))
    it.drain()
    stranger = table_at(tmp_path)
    with stranger.transaction() as transaction:
        transaction.update_snapshot().fast_append().commit()
    topic.put(*(trade("A", n) for n in range(5, 20)))
    it.drain()
    assert stored(it.table) == [("A", n) for n in range(20)]
    again = bench(tmp_path, topic, name="two")
    assert again.source.positions == it.source.positions


def test_a_second_writer_takes_over_and_the_first_is_fenced(tmp_path: Path) -> None:
    topic = MemoryTopic()
    first = bench(tmp_path, topic)
    topic.put(*(trade("A", n) for n in range(10)))
    first.drain()
    second = bench(tmp_path, topic, name="two")
    topic.put(*(trade("A", n) for n in range(10, 20)))
    with pytest.raises(FencedError, match="two has taken over the table, so one ends"):
        first.drain()
    with pytest.raises(FencedError):
        first.parts.committer.rearrange({}, [], merge=True)
    second.drain()
    assert stored(second.table) == [("A", n) for n in range(20)]


def test_of_two_claims_at_once_one_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = MemoryTopic()
    first = bench(tmp_path, topic, start=False)
    second = bench(tmp_path, topic, name="two", start=False)
    publish = first.parts.committer._publish

    def overtaken(staged: Staged) -> None:
        if second.parts.committer._last is None:
            second.writer._start()
        publish(staged)

    monkeypatch.setattr(first.parts.committer, "_publish", overtaken)
    with pytest.raises(FencedError):
        first.writer._start()


# The state that travels with a snapshot


def test_lost_id_intervals_are_read_from_the_table(tmp_path: Path) -> None:
    topic = MemoryTopic()
    it = bench(tmp_path, topic)
    topic.put(*(trade(symbol, n) for n in range(30) if n % 7 for symbol in ("A", "B")))
    it.drain()
    for path in tmp_path.rglob("ids-*.arrow"):
        path.write_bytes(b"torn")
    topic.put(*(trade(symbol, n) for n in range(30) for symbol in ("A", "B")))
    again = bench(tmp_path, topic, name="two")
    assert "id intervals lost" in again.log.getvalue()
    again.drain()
    assert stored(again.table) == sorted((symbol, n) for n in range(30) for symbol in ("A", "B"))


def test_every_snapshot_names_offsets_that_only_grow_and_totals_that_add_up(tmp_path: Path) -> None:
    topic = MemoryTopic()
    it = bench(tmp_path, topic, fan_in=3)
    for start in range(0, 200, 10):
        topic.put(*(trade(symbol, n) for n in range(start, start + 10) for symbol in ("A", "B", "C")))
        it.drain()
    it.table.refresh()
    before: dict[str, int] = {}
    total = 0
    for snapshot in it.table.snapshots():
        now = json.loads(snapshot.summary[keys.OFFSETS])
        assert all(now[number] >= at for number, at in before.items())
        before = now
        total += int(snapshot.summary["added-records"]) - int(snapshot.summary.get("deleted-records") or 0)
        assert int(snapshot.summary["total-records"]) == total
        if snapshot.summary.operation is Operation.REPLACE:
            assert snapshot.summary["added-records"] == snapshot.summary["deleted-records"]
    assert total == len(stored(it.table)) == 600


Key = tuple[str, int]
KEYS = st.tuples(st.sampled_from(["A", "B", "C"]), st.integers(0, 60))


@settings(max_examples=15, deadline=None)
@given(
    batches=st.lists(st.lists(KEYS, min_size=1, max_size=30), min_size=1, max_size=6),
    restarts=st.sets(st.integers(0, 5)),
    limit=st.sampled_from([1, 2, 1_024]),
    seed=st.integers(0, 10**6),
)
def test_whatever_is_repeated_late_or_replayed_is_stored_exactly_once(
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[list[Key]],
    restarts: set[int],
    limit: int,
    seed: int,
) -> None:
    folder = tmp_path_factory.mktemp("lake")
    topic = MemoryTopic()
    chance = random.Random(seed)
    it = bench(folder, topic, limit=limit, fan_in=3, commit_rows=chance.choice([1, 7, 1_000]))
    for number, batch in enumerate(batches):
        topic.put(*(trade(symbol, n) for symbol, n in batch))
        if number in restarts:
            it = bench(folder, topic, name=str(number), limit=limit, fan_in=3)
            if chance.random() < 0.3:  # the source's retention ended, or it was made anew: all is read again
                it.source.start({})
        it.drain()
    assert repeated(it.table) == {}
    assert stored(it.table) == sorted({key for batch in batches for key in batch})
