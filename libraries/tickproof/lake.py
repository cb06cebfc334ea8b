"""Keywords that judge the lake's own bookkeeping: files, offsets, counts, days."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from robot.api import logger
from robot.api.deco import keyword, library

from tickproof import session
from tickproof.misuse import MisuseError
from tickproof.observing import sent_so_far
from tickproof.probes.lake import LakeInside
from tickproof.target import LakeHop
from tickproof.verdicts import Void
from tickproof.verdicts.snapshots import (
    Invariant,
    additions_equal_rows,
    commits_bounded,
    counts_equal_rows,
    lineage,
    no_file_live_twice,
    offsets_only_grow,
)

TRIES = 5
SNAPSHOTS = 50
"""The most that are looked at."""
T = TypeVar("T")


@library(scope="GLOBAL")
class Lake:
    """Judges what the table says of itself, from its metadata tables, against what a scan finds."""

    @keyword
    def no_data_file_should_be_live_twice(self) -> None:
        """See that each live data file stands in one manifest entry only; otherwise its rows count twice.

        The newest snapshot is looked at, and those before it that are kept, up to a bound: whoever reads as of an older
        one must not count twice either, and what is mended with the next commit was wrong until then.
        """
        _hop()
        _tell(no_file_live_twice(session.current().lake.live_files(SNAPSHOTS)))

    @keyword
    def source_offsets_should_only_grow(self) -> None:
        """See that the offsets which travel with the snapshots grow or stay, and are not ahead of the topic.

        Each snapshot that adds rows has to carry them, and the newest one whatever it does: a restart reads them there.
        """
        key = _hop().offsets_property
        run = session.current()
        kafka = run.target.hops.kafka
        if key is None or kafka is None:
            raise Void(
                "the target's file names no summary property with offsets (`hops.lake.offsets_property`)."
            )
        inside = run.lake.inside()
        _tell(
            offsets_only_grow(
                lineage(inside.snapshots, inside.snapshot_id),
                key=key,
                ends=run.kafka.ends(kafka.topic)[kafka.topic],
            )
        )

    @keyword
    def summary_counts_should_equal_rows(self) -> None:
        """See that summary, manifests and a scan of the newest snapshot count the same files and rows."""
        run = session.current()
        inside, rows = _at_one_snapshot(lambda snapshot: run.lake.read(snapshot=snapshot).num_rows)
        summaries = lineage(inside.snapshots, inside.snapshot_id)
        _tell(
            counts_equal_rows(
                summaries[-1],
                files=inside.files.num_rows,
                records=pc.sum(inside.files["record_count"]).as_py() or 0,
                rows=rows,
                snapshot=inside.snapshot_id,
            )
        )
        _tell(additions_equal_rows(summaries))

    @keyword
    def commits_and_files_should_be_bounded(self) -> None:
        """See that commits a minute and live files a day of event time stay within the target's `bounds`."""
        bounds = _hop().bounds
        if bounds is None:
            raise Void("the target's file declares no bounds of the table (`hops.lake.bounds`).")
        inside = session.current().lake.inside()
        times = inside.snapshots["committed_at"].cast(pa.timestamp("ns")).cast(pa.int64()).to_pylist()
        days = Counter(str(partition) for partition in inside.files["partition"].to_pylist())
        _tell(
            commits_bounded(
                times, files_by_day=days, per_minute=bounds.commits_a_minute, most_files=bounds.files
            )
        )

    @keyword
    def trades_should_stand_in_the_partition_of_their_day(self) -> None:
        """See for each trade of this test that the partition of its file is the day (UTC) of its event time.

        Raises:
            AssertionError: One stands in another day, or the table has no such partitions.
            Void: All trades happened on one day, so that any partition would do.
        """
        run = session.current()
        scene, _ = sent_so_far(run)
        inside, seen = _at_one_snapshot(lambda snapshot: run.lake.read(scene.first_ids, snapshot=snapshot))
        days = seen["event_time"].cast(pa.timestamp("ns")).cast(pa.date32()).cast(pa.int32()).to_pylist()
        if len(set(days)) < 2:
            raise Void("the trades in the lake do not span two days; send some with `late_share`.")
        partitions = {
            _file(path): _day(partition)
            for path, partition in zip(
                inside.files["file_path"].to_pylist(), inside.files["partition"].to_pylist(), strict=True
            )
        }
        wrong = [
            f"{symbol} {trade_id} in {_dated(partitions.get(_file(place)))}, not {_dated(day)}"
            for symbol, trade_id, place, day in zip(
                *(seen[name].to_pylist() for name in ("symbol", "trade_id", "place")), days, strict=True
            )
            if partitions.get(_file(place)) != day
        ]
        if wrong:
            raise AssertionError(
                f"Each trade should stand in the partition of its event time's day, "
                f"but {len(wrong):,} of {seen.num_rows:,} do not.\nFirst: {'; '.join(wrong[:3])}."
            )
        logger.info(f"{seen.num_rows:,} trades stand in the partitions of {len(set(days))} days.")


def _hop() -> LakeHop:
    hop = session.current().target.hops.lake
    if hop is None:
        raise MisuseError("The target has no lake; its file has no key `hops.lake`.")
    return hop


def _at_one_snapshot(look: Callable[[int], T]) -> tuple[LakeInside, T]:
    """Look inside the table and at its newest snapshot; anew when that expires in between."""
    lake = session.current().lake
    for _ in range(TRIES - 1):
        inside = lake.inside()
        try:
            return inside, look(inside.snapshot_id)
        except Void:
            logger.info(f"Snapshot {inside.snapshot_id} expired while it was looked at.")
    inside = lake.inside()
    return inside, look(inside.snapshot_id)


def _file(path: str) -> str:
    """Name a file by its folder and its own name, whether the path begins at the table or at the root."""
    return "/".join(path.split("/")[-2:])


def _day(partition: Mapping[str, object]) -> int | None:
    """A day partition is a date or its number since the epoch, as the catalog gives it; None where there is none."""
    value = next(iter(partition.values()), None)
    if value is None or isinstance(value, int):
        return value
    return int(pa.scalar(value, pa.date32()).cast(pa.int32()).as_py())


def _dated(day: int | None) -> str:
    return "no day" if day is None else str(date(1970, 1, 1) + timedelta(days=day))


def _tell(finding: Invariant) -> None:
    finding.fail_if_any()
    logger.info(f"{finding.claim}: {finding.looked_at:,} {finding.of} looked at.")
