"""Invariants of an Iceberg table's own bookkeeping: what it says of itself must be true.

Rows come from the metadata tables of the format (entries, files, snapshots) as Arrow tables:
https://iceberg.apache.org/spec/#manifests and #snapshots.
"""

import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from tickproof.verdicts.findings import Void


@dataclass(frozen=True, slots=True)
class Invariant:
    """One statement about a table, and where it does not hold.

    Attributes:
        claim: What should be true, as a sentence without a full stop.
        looked_at: How many things were compared; 0 makes the verdict VOID.
        of: What those things are, in the plural.
        breaches: Where it does not hold, one sentence each.
    """

    claim: str
    looked_at: int
    of: str
    breaches: tuple[str, ...] = ()

    def fail_if_any(self) -> None:
        """Raise what the finding means.

        Raises:
            AssertionError: The claim does not hold.
            Void: Nothing speaks against it, but there was nothing to look at.
        """
        if self.breaches:
            places = "1 place" if len(self.breaches) == 1 else f"{len(self.breaches):,} places"
            shown = "\n".join(self.breaches[:5])
            raise AssertionError(
                f"{self.claim}, but that does not hold in {places} ({self.of} looked at: {self.looked_at:,}).\n{shown}"
            )
        if not self.looked_at:
            raise Void(f"there are no {self.of} to look at, so this cannot be judged: {self.claim}.")


def lineage(snapshots: pa.Table, current: int) -> list[dict[str, str]]:
    """Return the summaries of a snapshot and of its ancestors that are kept, oldest first, each with its operation.

    Time stamps do not tell the order: two commits may fall into the same millisecond.

    Args:
        snapshots: Columns `snapshot_id`, `parent_id`, `operation` and `summary` of all snapshots that are kept.
        current: The id of the newest.
    """
    rows = {row["snapshot_id"]: row for row in snapshots.to_pylist()}
    found: list[dict[str, str]] = []
    at: int | None = current
    while at is not None and at in rows:
        row = rows.pop(at)
        found.append({**dict(row["summary"] or {}), "operation": str(row["operation"])})
        at = row["parent_id"]
    return found[::-1]


def no_file_live_twice(live: Mapping[int, Sequence[str]]) -> Invariant:
    """No data file may be live in more than one manifest entry of a snapshot: its rows would count twice.

    Args:
        live: The live data files of each snapshot, oldest first, as often as they are listed.
    """
    first: dict[tuple[str, int], int] = {}
    for snapshot, files in live.items():
        for path, n in Counter(files).items():
            if n > 1:
                first.setdefault((path, n), snapshot)
    return Invariant(
        "Each data file should be live once",
        len({path for files in live.values() for path in files}),
        "data files",
        tuple(
            f"{path.rpartition('/')[2]} is live {n} times: its rows count {n} times (from snapshot {snapshot} on)."
            for (path, n), snapshot in first.items()
        ),
    )


def offsets_only_grow(
    summaries: Sequence[Mapping[str, str]], *, key: str, ends: Mapping[int, int]
) -> Invariant:
    """From snapshot to snapshot the source offsets grow or stay, and never lie ahead of the topic.

    Args:
        summaries: Summary of each snapshot, oldest first, and its `operation`.
        key: Name of the property that holds the offsets: JSON, partition to next offset.
        ends: End of each partition of the topic now.
    """
    breaches = []
    looked_at = 0
    before: dict[int, int] = {}
    for n, summary in enumerate(summaries):
        if key not in summary:
            if n + 1 == len(summaries):
                breaches.append(
                    f"The newest snapshot carries no {key}, so a restart does not know where to go on."
                )
            elif summary.get("operation") == "append":
                breaches.append(f"Snapshot {n + 1} of {len(summaries)} adds rows and carries no {key}.")
            continue
        now = offsets_in(summary[key])
        if now is None:
            breaches.append(f"Snapshot {n + 1} of {len(summaries)} has a {key} that is no map of offsets.")
            continue
        for partition, offset in before.items():
            looked_at += 1
            if now.get(partition, -1) < offset:
                breaches.append(
                    f"Partition {partition} goes back from offset {offset:,} to {now.get(partition, 'none')} "
                    f"at snapshot {n + 1} of {len(summaries)}."
                )
        before = now
    breaches += [
        f"Partition {partition} is at offset {offset:,}, but the topic ends at {ends.get(partition, 0):,}."
        for partition, offset in before.items()
        if offset > ends.get(partition, 0)
    ]
    return Invariant(
        "Source offsets should only grow and never lie ahead of the topic",
        looked_at,
        "offsets",
        tuple(breaches),
    )


def counts_equal_rows(
    summary: Mapping[str, str], *, files: int, records: int, rows: int, snapshot: int
) -> Invariant:
    """Summary, manifests and a scan agree on how many files and rows there are.

    Args:
        summary: Summary of the snapshot.
        files: Live data files by its manifests.
        records: Sum of the record counts of its manifests.
        rows: Rows that a scan of the snapshot found.
        snapshot: Its id.
    """
    breaches = []
    for name, said, found in (
        ("total-records", summary.get("total-records"), rows),
        ("total-data-files", summary.get("total-data-files"), files),
        ("the manifests' record count", str(records), rows),
    ):
        if said != str(found):
            breaches.append(f"Snapshot {snapshot}: {name} says {said or 'nothing'}, but there are {found:,}.")
    return Invariant("Summaries should equal what is there", 3, "counts", tuple(breaches))


def additions_equal_rows(summaries: Sequence[Mapping[str, str]]) -> Invariant:
    """Each snapshot's totals follow from the one before by what it says to have added and removed.

    Args:
        summaries: Summary of each snapshot, oldest first, without a gap.
    """
    breaches = []
    for n, (before, now) in enumerate(itertools.pairwise(summaries)):
        for what in ("records", "data-files"):
            total, last = _count(now, f"total-{what}"), _count(before, f"total-{what}")
            added, deleted = (_count(now, f"{how}-{what}", 0) for how in ("added", "deleted"))
            if total is None or last is None or added is None or deleted is None:
                breaches.append(
                    f"Snapshot {n + 2} of {len(summaries)} or the one before does not count its {what}."
                )
            elif total != last + added - deleted:
                breaches.append(
                    f"Snapshot {n + 2} of {len(summaries)}: total-{what} is {total:,}, "
                    f"but what came before, was added and removed makes {last + added - deleted:,}."
                )
    return Invariant(
        "Totals should follow from additions", max(0, len(summaries) - 1), "snapshots", tuple(breaches)
    )


def commits_bounded(
    commit_times_ns: Sequence[int], *, files_by_day: Mapping[str, int], per_minute: int, most_files: int
) -> Invariant:
    """Commits a minute and live files a day of event time stay within bounds.

    Args:
        commit_times_ns: When each snapshot was committed.
        files_by_day: Live data files of each partition now.
        per_minute: The most commits allowed within any 60 s.
        most_files: The most live data files allowed in one partition.
    """
    times = sorted(commit_times_ns)
    window = 60_000_000_000
    most, first = 0, 0
    for last, time in enumerate(times):
        while time - times[first] > window:
            first += 1
        most = max(most, last - first + 1)
    breaches = []
    if most > per_minute:
        breaches.append(f"{most:,} commits lie within one minute; allowed: {per_minute:,}.")
    breaches += [
        f"{files:,} data files are live in {day}; allowed: {most_files:,}."
        for day, files in sorted(files_by_day.items())
        if files > most_files
    ]
    return Invariant("Commits and files should stay bounded", len(times), "commits", tuple(breaches))


def offsets_in(text: str) -> dict[int, int] | None:
    """Read a map of source offsets (JSON: partition to next offset); None where the text is none."""
    try:
        return {int(partition): int(offset) for partition, offset in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError):
        return None


def _count(summary: Mapping[str, str], name: str, absent: int | None = None) -> int | None:
    """Return a count of a summary; None where it is no number."""
    text = summary.get(name)
    if text is None:
        return absent
    return int(text) if text.isascii() and text.isdecimal() else None
