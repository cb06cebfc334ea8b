"""The keywords of the lake against tables that are sound, wrong, and changing while they are looked at."""

from datetime import date
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from keywords.fakes import scene_of, session_of
from messages.approved import approve
from tickproof import session
from tickproof.lake import Lake
from tickproof.probes.lake import LakeInside
from tickproof.scenes import Scene
from tickproof.verdicts import Void
from verdicts.small import NOON, seen, sent, trade

DAY = 86_400_000_000_000
TODAY = NOON // DAY
SENT = sent(trade(1), trade(2, event_time=NOON - DAY))


def inside(files: dict[str, Any], snapshot: int = 1) -> LakeInside:
    empty = pa.table({})
    return LakeInside(
        snapshot_id=snapshot,
        entries=pa.table({"status": [1] * len(files), "data_file": [{"file_path": path} for path in files]}),
        files=pa.table(
            {
                "file_path": list(files),
                "partition": [{"event_time_day": day} for day in files.values()],
                "record_count": [1] * len(files),
            }
        ),
        manifests=empty,
        snapshots=pa.table(
            {
                "snapshot_id": [snapshot],
                "parent_id": pa.array([None], pa.int64()),
                "operation": ["append"],
                "committed_at": pa.array([0], pa.timestamp("ms")),
                "summary": pa.array(
                    [[("total-records", "2"), ("total-data-files", "2")]], pa.map_(pa.string(), pa.string())
                ),
            }
        ),
        metadata_log=empty,
    )


class FakeLake:
    """Expires the snapshot that was looked at a few times."""

    def __init__(self, files: dict[str, Any], places: list[str], expires: int = 0) -> None:
        self.files = {f"file:///w/market/trades/{path}": day for path, day in files.items()}
        rows = [trade(1), trade(2, event_time=NOON - DAY)]
        self.rows = seen(*({**row, "place": place} for row, place in zip(rows, places, strict=False)))
        self.expires = expires
        self.looks = 0
        self.again: list[str] = []

    def inside(self) -> LakeInside:
        self.looks += 1
        return inside(self.files, self.looks)

    def live_files(self, most: int) -> dict[int, list[str]]:
        assert most > 1
        return {1: list(self.files), 2: [*self.files, *self.again]}

    def read(self, _symbols: object = None, *, snapshot: int) -> pa.Table:
        assert snapshot == self.looks
        if snapshot <= self.expires:
            raise Void(f"snapshot {snapshot} of market.trades is no longer there; it has expired.")
        return self.rows


FILES = {"data/a/1.parquet": date(2026, 1, 2), "data/b/2.parquet": date(2026, 1, 1)}
PLACES = ["data/a/1.parquet", "data/b/2.parquet"]


def lake_of(monkeypatch: pytest.MonkeyPatch, lake: FakeLake, scene: Scene | None = None) -> Lake:
    target = SimpleNamespace(
        hops=SimpleNamespace(kafka=None, lake=SimpleNamespace(bounds=None, offsets_property=None))
    )
    scene = scene or scene_of(SENT, "ETHBTC")
    monkeypatch.setattr(session, "current", session_of(scene, lake=lake, target=target))
    return Lake()


def test_trades_in_the_partitions_of_their_days_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    lake_of(monkeypatch, FakeLake(FILES, PLACES)).trades_should_stand_in_the_partition_of_their_day()


def test_days_may_be_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {PLACES[0]: TODAY, PLACES[1]: TODAY - 1}
    lake_of(monkeypatch, FakeLake(files, PLACES)).trades_should_stand_in_the_partition_of_their_day()


WRONG = {
    "in today": FakeLake({**FILES, PLACES[1]: date(2026, 1, 2)}, PLACES),
    "in a file that the table does not list": FakeLake({PLACES[0]: date(2026, 1, 2)}, PLACES),
    "in a table without partitions": FakeLake(dict.fromkeys(PLACES), PLACES),
}


def test_a_trade_in_another_day_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    for name, fake in WRONG.items():
        lake = lake_of(monkeypatch, fake)
        with pytest.raises(AssertionError) as failure:
            lake.trades_should_stand_in_the_partition_of_their_day()
        assert not isinstance(failure.value, Void)
        told.append(f"{name}:\n{failure.value}\n")
    approve("partition-of-another-day", "\n".join(told))


def test_trades_of_one_day_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lake = lake_of(monkeypatch, FakeLake(FILES, PLACES[:1]))
    with pytest.raises(Void, match="do not span two days"):
        lake.trades_should_stand_in_the_partition_of_their_day()


def test_nothing_sent_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lake = lake_of(monkeypatch, FakeLake(FILES, PLACES), scene_of(sent(), "ETHBTC"))
    with pytest.raises(Void, match="nothing was sent"):
        lake.trades_should_stand_in_the_partition_of_their_day()


def test_a_snapshot_that_expires_meanwhile_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeLake(FILES, PLACES, expires=3)
    lake_of(monkeypatch, fake).trades_should_stand_in_the_partition_of_their_day()
    assert fake.looks == 4


def test_a_table_that_never_stands_still_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    lake = lake_of(monkeypatch, FakeLake(FILES, PLACES, expires=99))
    with pytest.raises(Void, match="expired"):
        lake.trades_should_stand_in_the_partition_of_their_day()


def test_one_snapshot_has_counts_and_no_history(monkeypatch: pytest.MonkeyPatch) -> None:
    lake = lake_of(monkeypatch, FakeLake(FILES, PLACES))
    with pytest.raises(Void, match="no snapshots"):  # the counts themselves were right
        lake.summary_counts_should_equal_rows()


def test_counts_that_are_wrong_are_red(monkeypatch: pytest.MonkeyPatch) -> None:
    lake = lake_of(monkeypatch, FakeLake(FILES, PLACES[:1]))
    with pytest.raises(AssertionError, match="total-records says 2, but there are 1"):
        lake.summary_counts_should_equal_rows()


def test_what_the_target_does_not_declare_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    lake = lake_of(monkeypatch, FakeLake(FILES, PLACES))
    for keyword in (lake.commits_and_files_should_be_bounded, lake.source_offsets_should_only_grow):
        with pytest.raises(Void, match=r"hops\.lake"):
            keyword()


def test_a_file_that_is_live_twice_is_red_in_any_kept_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeLake(FILES, PLACES)
    lake_of(monkeypatch, fake).no_data_file_should_be_live_twice()
    fake.again = list(fake.files)[1:]
    with pytest.raises(AssertionError, match=r"2\.parquet is live 2 times: .*from snapshot 2 on"):
        lake_of(monkeypatch, fake).no_data_file_should_be_live_twice()


def test_offsets_have_to_be_in_the_newest_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeLake(FILES, PLACES)
    kafka = SimpleNamespace(ends=lambda topic: {topic: {0: 5}})
    hops = SimpleNamespace(
        kafka=SimpleNamespace(topic="trades"), lake=SimpleNamespace(offsets_property="offsets")
    )
    run = session_of(scene_of(SENT, "ETHBTC"), lake=fake, kafka=kafka, target=SimpleNamespace(hops=hops))
    monkeypatch.setattr(session, "current", run)
    with pytest.raises(AssertionError, match="The newest snapshot carries no offsets"):
        Lake().source_offsets_should_only_grow()
