import io
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import DataFile
from pyiceberg.table.snapshots import Operation
from writer_support import (
    Bench,
    MemoryTopic,
    bench,
    encode,
    keys_in_file,
    polled,
    repeated,
    stored,
    table_at,
    trade,
)

from tickerplant.lake import IDENTIFIER, ensure_table, open_catalog
from tickerplant.service import Log
from tickerplant.writer import sweeping
from tickerplant.writer.commit import CommitError, Committer, FencedError
from tickerplant.writer.compaction import SmallFiles
from tickerplant.writer.decode import Decoder
from tickerplant.writer.failpoints import Failpoints
from tickerplant.writer.files import DataFiles
from tickerplant.writer.garbage import Garbage
from tickerplant.writer.state import StateStore
from tickerplant.writer.sweeping import Sweeper
from tickerplant.writer.writer import stamped


def settle(it: Bench) -> None:
    """Turn until maintenance has nothing under way."""
    deadline = time.monotonic() + 20
    while it.parts.maintenance._merge is not None:
        assert time.monotonic() < deadline
        it.writer.turn()


def feed(it: Bench, topic: MemoryTopic, commits: int, rows: int = 4) -> None:
    """Have the writer commit so many times, and maintenance do what it thinks is due."""
    for _ in range(commits):
        first = sum(len(messages) for messages in topic.partitions)
        topic.put(*(trade("A", n) for n in range(first, first + rows)))
        it.drain()
        settle(it)


def data_files(folder: Path) -> set[str]:
    return {str(path) for path in Path(folder).rglob("*.parquet")}


def test_small_files_become_few_and_rows_stay(tmp_path: Path) -> None:
    topic = MemoryTopic()
    it = bench(tmp_path, topic, fan_in=4)
    feed(it, topic, 40)
    keys = stored(it.table)
    assert len(keys) == 160
    assert repeated(it.table) == {}
    files = it.table.inspect.files()
    assert len(files) <= 12
    assert it.parts.maintenance.tally.merges >= 8
    live = Counter(
        entry["data_file"]["file_path"]
        for entry in it.table.inspect.entries().to_pylist()
        if entry["status"] != 2
    )
    assert max(live.values()) == 1
    for path in files["file_path"].to_pylist():
        rows = keys_in_file(path)
        assert rows == sorted(rows)
    assert any(s.summary.operation is Operation.REPLACE for s in it.table.snapshots())


def test_snapshots_manifests_and_metadata_stay_bounded(tmp_path: Path) -> None:
    topic = MemoryTopic()
    it = bench(tmp_path, topic, keep=8, most_manifests=5)
    sizes = []
    for _ in range(4):
        feed(it, topic, 12)
        sizes.append(Path(it.table.metadata_location.removeprefix("file://")).stat().st_size)
    assert len(it.table.snapshots()) <= 8
    assert len(it.table.current_snapshot().manifests(it.table.io)) <= 6
    assert sizes[-1] <= sizes[1] * 1.2
    assert len(it.table.metadata.metadata_log) <= 20
    assert len(list(tmp_path.rglob("*.metadata.json"))) <= 22


def test_an_older_snapshot_can_be_read_until_it_expires(tmp_path: Path) -> None:
    topic = MemoryTopic()
    it = bench(tmp_path, topic, keep=30, fan_in=4)
    feed(it, topic, 3)
    old = it.table.current_snapshot().snapshot_id
    before = stored(it.table)
    feed(it, topic, 8)
    rows = it.table.scan(snapshot_id=old, selected_fields=("trade_id",)).to_arrow()
    assert sorted(rows["trade_id"].to_pylist()) == [n for _, n in before]


def test_tagged_snapshots_do_not_expire(tmp_path: Path) -> None:
    topic = MemoryTopic()
    it = bench(tmp_path, topic, keep=3)
    feed(it, topic, 1)
    tagged = it.table.current_snapshot().snapshot_id
    it.table.manage_snapshots().create_tag(tagged, "audit").commit()
    feed(it, topic, 6)
    assert it.table.snapshot_by_id(tagged) is not None
    assert len(it.table.snapshots()) == 4


def test_sweeping_deletes_what_nothing_refers_to_after_the_grace_and_nothing_else(tmp_path: Path) -> None:
    topic = MemoryTopic()
    it = bench(tmp_path, topic, keep=2, fan_in=4)
    feed(it, topic, 12)
    orphan = tmp_path / "warehouse/market/trades/data/orphan.parquet"
    orphan.write_bytes(b"left by a crash")
    table = table_at(tmp_path)
    now = [100.0]
    sweeper = Sweeper(table.catalog, IDENTIFIER, grace=60.0, clock=lambda: now[0])
    before = stored(it.table)
    assert sweeper.sweep() == 0
    now[0] = 159.0
    assert sweeper.sweep() == 0
    assert orphan.exists()
    now[0] = 161.0
    assert sweeper.sweep() > 10
    assert not orphan.exists()
    assert stored(it.table) == before
    for snapshot in table.refresh().snapshots():
        assert table.scan(snapshot_id=snapshot.snapshot_id).to_arrow() is not None
    assert sweeper.sweep() == 0
    live = {path.removeprefix("file://") for path in it.table.inspect.all_files()["file_path"].to_pylist()}
    assert data_files(tmp_path) == live
    feed(it, topic, 2)
    assert len(stored(it.table)) == len(before) + 8


@pytest.mark.parametrize("name", ["a b", "é", "100%", "a%20b", "a+b", "a;b", "x/../y", "./y", "link", "[a]*"])
def test_a_table_is_swept_whatever_its_folder_is_called(tmp_path: Path, name: str) -> None:
    if name == "link":
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "real")
    if name == "x/../y":
        (tmp_path / "x").mkdir()
    catalog = open_catalog(f"sqlite:///{tmp_path}/catalog.db", f"file://{tmp_path}/{name}")
    table = ensure_table(catalog)
    log = Log("writer", "debug", io.StringIO())
    states, points = StateStore(table, "trades", log), Failpoints()
    committer = Committer(
        table, states, Garbage(table.io, grace=0), points, log, name="one", keep=3, pause=lambda _: None
    )
    state = committer.claim()
    for number in range(5):
        rows = Decoder().decode(polled(encode(trade("A", number)))).rows
        committer.append(stamped(rows), state)
    folder = Path(PyArrowFileIO.parse_location(table.location())[2])
    orphan = folder / "data" / "orphan.parquet"
    orphan.write_bytes(b"left by a crash")
    assert Sweeper(catalog, IDENTIFIER, grace=0.0).sweep() >= 1
    assert not orphan.exists()
    assert [key for _, key in stored(catalog.load_table(IDENTIFIER))] == [0, 1, 2, 3, 4]


def test_a_sweep_that_does_not_find_the_table_itself_deletes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = MemoryTopic()
    it = bench(tmp_path, topic)
    feed(it, topic, 2)
    monkeypatch.setattr(sweeping, "_path", lambda location: location)
    with pytest.raises(ValueError, match="own metadata file was not found"):
        Sweeper(it.table.catalog, IDENTIFIER, grace=0.0).sweep()
    assert len(stored(it.table)) == 8


def test_a_file_that_is_referenced_again_starts_its_grace_anew(tmp_path: Path) -> None:
    topic = MemoryTopic()
    it = bench(tmp_path, topic)
    feed(it, topic, 1)
    now = [0.0]
    sweeper = Sweeper(table_at(tmp_path).catalog, IDENTIFIER, grace=10.0, clock=lambda: now[0])
    late = tmp_path / "warehouse/market/trades/data/late.parquet"
    late.write_bytes(b"x")
    sweeper.sweep()
    moved = late.rename(tmp_path / "kept")
    now[0] = 8.0
    sweeper.sweep()
    moved.rename(late)
    now[0] = 11.0
    assert sweeper.sweep() == 0
    assert late.exists()


def test_a_merge_that_somebody_else_made_pointless_is_dropped(tmp_path: Path) -> None:
    topic = MemoryTopic()
    it = bench(tmp_path, topic, fan_in=4)
    feed(it, topic, 3)
    maintenance = it.parts.maintenance
    topic.put(*(trade("A", 10_000 + n) for n in range(4)))
    it.drain()
    assert maintenance._merge is not None
    stranger = table_at(tmp_path)
    with stranger.transaction() as transaction:
        transaction.delete("trade_id < 0 or symbol == 'A'")
    topic.put(trade("B", 1))
    settle(it)
    it.drain()
    assert maintenance.tally.failures == 1
    assert stored(it.table) == [("B", 1)]


def paced(it: Bench, now: list[float]) -> None:
    """Put maintenance on a clock of the test's own."""
    maintenance = it.parts.maintenance
    maintenance._clock = maintenance._small.clock = lambda: now[0]
    maintenance._next_merge, maintenance._next_sweep = now[0], float("inf")


def test_a_merge_that_cannot_succeed_waits_longer_each_time_and_holds_up_no_other(tmp_path: Path) -> None:
    topic, now = MemoryTopic(), [0.0]
    it = bench(tmp_path, topic, fan_in=4)
    paced(it, now)
    maintenance = it.parts.maintenance
    feed(it, topic, 3)
    torn = Path(it.table.inspect.files()["file_path"].to_pylist()[0].removeprefix("file://"))
    whole = torn.read_bytes()
    torn.write_bytes(b"torn")
    feed(it, topic, 1)
    assert maintenance.tally.failures == 1
    for _ in range(50):
        it.writer.turn()
        settle(it)
    assert (maintenance.tally.failures, maintenance.tally.merges) == (1, 0)
    now[0] += 2
    feed(it, topic, 4)
    assert (maintenance.tally.failures, maintenance.tally.merges) == (1, 1)
    failed_at = []
    while now[0] < 1_000:
        now[0] += 10
        before = maintenance.tally.failures
        it.writer.turn()
        settle(it)
        failed_at += [now[0]] if maintenance.tally.failures > before else []
    assert len(failed_at) == 4  # after 60 s, then 120, 240 and 480 more
    assert 'what":"merge"' in it.log.getvalue()
    torn.write_bytes(whole)
    now[0] += 10_000
    it.writer.turn()
    settle(it)
    assert (maintenance.tally.failures, maintenance.tally.merges) == (5, 2)
    assert len(stored(it.table)) == 32
    assert repeated(it.table) == {}


class LosesARow:
    """Files that hold one row less than they were given."""

    def __init__(self, files: DataFiles) -> None:
        self._files = files

    def write(self, rows: pa.Table) -> list[DataFile]:
        return self._files.write(rows.slice(1))


def test_rows_that_go_missing_in_a_merge_stay_in_the_table_and_the_writer_goes_on(tmp_path: Path) -> None:
    topic = MemoryTopic()
    it = bench(tmp_path, topic, fan_in=4)
    it.parts.maintenance._files = LosesARow(it.parts.maintenance._files)
    feed(it, topic, 6)
    assert (it.parts.maintenance.tally.failures, it.parts.maintenance.tally.merges) == (1, 0)
    assert "would not keep their 16 rows" in it.log.getvalue()
    assert len(stored(it.table)) == 24
    assert repeated(it.table) == {}


@pytest.mark.parametrize("error", [FencedError("another writer has it"), CommitError("for good")])
def test_a_writer_that_lost_the_table_ends_in_a_merge_too(
    tmp_path: Path, error: RuntimeError, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = MemoryTopic()
    it = bench(tmp_path, topic, fan_in=4)

    def refuse(*_arguments: object, **_named: object) -> None:
        raise error

    monkeypatch.setattr(it.parts.committer, "rearrange", refuse)
    with pytest.raises(type(error)):
        feed(it, topic, 4)


class FakeFile:
    def __init__(self, name: str, rows: int, day: int = 0) -> None:
        self.file_path, self.record_count, self.partition = name, rows, [day]


def planned(small: SmallFiles) -> list[str] | None:
    plan = small.plan()
    return None if plan is None else [file.file_path for file in plan.files]


def test_plans_merge_files_of_one_day_and_one_tier() -> None:
    small = SmallFiles(fan_in=4, largest=1_000)
    small.add([FakeFile(f"d0-{n}", 5) for n in range(3)])
    small.add([FakeFile(f"d1-{n}", 5, day=1) for n in range(3)])
    small.add([FakeFile("bigger", 70)])
    assert planned(small) is None
    small.add([FakeFile("d1-3", 5, day=1)])
    assert planned(small) == ["d1-0", "d1-1", "d1-2", "d1-3"]


def test_plans_stop_at_the_largest_size_and_leave_full_files_alone() -> None:
    small = SmallFiles(fan_in=8, largest=1_000)
    small.add([FakeFile(f"f{n}", 400) for n in range(3)])
    assert planned(small) == ["f0", "f1"]
    small.remove([FakeFile("f0", 400), FakeFile("f1", 400)])
    small.add([FakeFile("full", 800)])
    assert planned(small) is None


@pytest.mark.parametrize("rows", [1, 15, 16, 300, 5_000, 20_000, 50_000])
def test_merging_ends_with_few_files_whatever_the_size_of_commits(rows: int) -> None:
    small = SmallFiles()
    live: dict[str, FakeFile] = {}
    rewritten = 0
    for number in range(600):
        file = FakeFile(f"c{number}", rows)
        live[file.file_path] = file
        small.add([file])
        while (plan := small.plan()) is not None:
            assert sum(f.record_count for f in plan.files) <= 320_000
            merged = FakeFile(f"m{number}-{rewritten}", sum(f.record_count for f in plan.files))
            rewritten += merged.record_count
            small.remove(plan.files)
            small.add([merged])
            for f in plan.files:
                del live[f.file_path]
            live[merged.file_path] = merged
    assert sum(f.record_count for f in live.values()) == 600 * rows
    assert len(live) <= 15 * 5 + 600 * rows / 160_000
    assert rewritten <= 4 * 600 * rows
