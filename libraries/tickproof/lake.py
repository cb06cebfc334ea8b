"""Keywords that judge the lake's own bookkeeping: files, offsets, counts, days."""

import pyarrow as pa
import pyarrow.compute as pc
from robot.api import logger
from robot.api.deco import keyword, library

from tickproof import session
from tickproof.probes.lake import LakeInside
from tickproof.target import LakeHop
from tickproof.verdicts import Void
from tickproof.verdicts.snapshots import (
    Invariant,
    additions_equal_rows,
    commits_bounded,
    counts_equal_rows,
    no_file_live_twice,
    offsets_only_grow,
)

DAY_US = 86_400_000_000


@library(scope="GLOBAL")
class Lake:
    """Judges what the table says of itself, from its metadata tables, against what a scan finds."""

    @keyword
    def no_data_file_should_be_live_twice(self) -> None:
        """See that each live data file stands in one manifest entry only; otherwise its rows count twice."""
        entries = session.current().lake.inside().entries
        files = pc.struct_field(entries["data_file"], "file_path")
        _tell(no_file_live_twice(pa.table({"status": entries["status"], "file_path": files})))

    @keyword
    def source_offsets_should_only_grow(self) -> None:
        """See that the offsets which travel with the snapshots grow or stay, and are not ahead of the topic."""
        run = session.current()
        key = _hop().offsets_property
        kafka = run.target.hops.kafka
        if key is None or kafka is None:
            raise Void(
                "the target's file names no summary property with offsets (`hops.lake.offsets_property`)."
            )
        inside = run.lake.inside()
        _tell(offsets_only_grow(_summaries(inside), key=key, ends=run.kafka.ends(kafka.topic)[kafka.topic]))

    @keyword
    def summary_counts_should_equal_rows(self) -> None:
        """See that summary, manifests and a scan of the newest snapshot count the same files and rows."""
        run = session.current()
        inside = run.lake.inside()
        if inside.snapshot_id is None:
            raise Void("the table has no snapshot.")
        summaries = _summaries(inside)
        files = inside.files
        newest = next(
            summary
            for summary, snapshot in zip(summaries, _ordered(inside)["snapshot_id"].to_pylist(), strict=True)
            if snapshot == inside.snapshot_id
        )
        _tell(
            counts_equal_rows(
                newest,
                files=files.num_rows,
                records=pc.sum(files["record_count"]).as_py() or 0,
                rows=run.lake.read(snapshot=inside.snapshot_id).num_rows,
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
        days = len({str(partition) for partition in inside.files["partition"].to_pylist()})
        _tell(
            commits_bounded(
                times,
                files=inside.files.num_rows,
                per_minute=bounds.commits_a_minute,
                most_files=bounds.files * max(1, days),
            )
        )

    @keyword
    def trades_should_stand_in_the_partition_of_their_day(self) -> None:
        """See for each trade of this test that the partition of its file is the day (UTC) of its event time."""
        run = session.current()
        seen = run.scene.seen.get("lake")
        if seen is None or not seen.num_rows:
            raise Void("no trade of this test was seen in the lake.")
        inside = run.lake.inside()
        files = inside.files
        days = [next(iter(partition.values())) for partition in files["partition"].to_pylist()]
        day_of = dict(zip(map(_file, files["file_path"].to_pylist()), map(_day, days), strict=True))
        current = run.lake.read(run.scene.first_ids, snapshot=inside.snapshot_id)
        wrong = []
        late = set()
        for symbol, trade_id, time, path in zip(
            *(current[name].to_pylist() for name in ("symbol", "trade_id")),
            current["event_time"].cast(pa.int64()).to_pylist(),
            current["place"].to_pylist(),
            strict=True,
        ):
            day = time // 1000 // DAY_US
            late.add(day)
            if day_of[_file(path)] != day:
                wrong.append(f"{symbol} {trade_id}")
        if len(late) < 2:
            raise Void("all trades happened on one day; send some with `late_share`.")
        if wrong:
            raise AssertionError(
                f"Each trade should stand in the partition of its event time's day, "
                f"but {len(wrong):,} of {current.num_rows:,} do not: {', '.join(wrong[:5])}."
            )
        logger.info(f"{current.num_rows:,} trades stand in the partitions of {len(late)} days.")


def _hop() -> LakeHop:
    hop = session.current().target.hops.lake
    if hop is None:
        raise ValueError("The target has no lake; its file has no key `hops.lake`.")
    return hop


def _file(path: str) -> str:
    """Name a file by its folder and its own name, whether the path begins at the table or at the root."""
    return "/".join(path.split("/")[-2:])


def _day(value: object) -> int:
    """A day partition is a date or its number since the epoch, as the catalog gives it."""
    if isinstance(value, int):
        return value
    return int(pa.scalar(value, pa.date32()).cast(pa.int32()).as_py())


def _ordered(inside: LakeInside) -> pa.Table:
    return inside.snapshots.sort_by("committed_at")


def _summaries(inside: LakeInside) -> list[dict[str, str]]:
    """Return the summary of each snapshot, oldest first, with its operation."""
    rows = _ordered(inside).to_pylist()
    return [{**dict(row["summary"] or {}), "operation": str(row["operation"])} for row in rows]


def _tell(finding: Invariant) -> None:
    finding.fail_if_any()
    logger.info(f"{finding.claim}: {finding.looked_at:,} {finding.of} looked at.")
