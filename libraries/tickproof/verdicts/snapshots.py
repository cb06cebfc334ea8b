"""Invariants of an Iceberg table's own bookkeeping: what it says of itself must be true.

Rows come from the metadata tables of the format (entries, files, snapshots) as Arrow tables:
https://iceberg.apache.org/spec/#manifests and #snapshots.
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tickproof.verdicts.findings import Void

LIVE = (0, 1)
"""Status of a manifest entry that is live: existing or added (2 is deleted)."""


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
            Void: There was nothing to look at.
        """
        if not self.looked_at:
            raise Void(f"{self.claim} cannot be judged: there are no {self.of}.")
        if self.breaches:
            shown = "\n".join(self.breaches[:5])
            bad = f"{len(self.breaches):,} of {self.looked_at:,} {self.of}"
            raise AssertionError(f"{self.claim}, but {bad} break that.\n{shown}")


def no_file_live_twice(entries: pa.Table) -> Invariant:
    """No data file may be live in more than one manifest entry: its rows would count twice.

    Args:
        entries: Columns `status` (int) and `file_path` (text) of all manifest entries of one snapshot.
    """
    live = entries.filter(pc.is_in(entries["status"], pa.array(LIVE, entries["status"].type)))
    counts = live.group_by("file_path").aggregate([("status", "count")])
    twice = counts.filter(pc.greater(counts["status_count"], 1))
    return Invariant(
        "Each data file should be live once",
        counts.num_rows,
        "data files",
        tuple(
            f"{path.rpartition('/')[2]} is live {n} times: its rows count {n} times."
            for path, n in zip(twice["file_path"].to_pylist(), twice["status_count"].to_pylist(), strict=True)
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
            if summary.get("operation") == "append":
                breaches.append(f"Snapshot {n + 1} of {len(summaries)} adds rows and carries no {key}.")
            continue
        now = {int(partition): int(offset) for partition, offset in json.loads(summary[key]).items()}
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
        if said is None or int(said) != found:
            breaches.append(f"Snapshot {snapshot}: {name} says {said}, but there are {found:,}.")
    return Invariant("Summaries should equal what is there", 3, "counts", tuple(breaches))


def additions_equal_rows(summaries: Sequence[Mapping[str, str]]) -> Invariant:
    """Each snapshot's totals follow from the one before by what it says to have added and removed.

    Args:
        summaries: Summary of each snapshot, oldest first, without a gap.
    """
    breaches = []
    for n, (before, now) in enumerate(itertools.pairwise(summaries)):
        for what in ("records", "data-files"):
            added, deleted = int(now.get(f"added-{what}", 0)), int(now.get(f"deleted-{what}", 0))
            expected = int(before.get(f"total-{what}", 0)) + added - deleted
            if int(now.get(f"total-{what}", -1)) != expected:
                breaches.append(
                    f"Snapshot {n + 2} of {len(summaries)}: total-{what} is {now.get(f'total-{what}')}, "
                    f"but what came before, was added and removed makes {expected:,}."
                )
    return Invariant(
        "Totals should follow from additions", max(0, len(summaries) - 1), "snapshots", tuple(breaches)
    )


def commits_bounded(
    commit_times_ns: Sequence[int], *, files: int, per_minute: int, most_files: int
) -> Invariant:
    """Commits a minute and live files stay within bounds.

    Args:
        commit_times_ns: When each snapshot was committed.
        files: Live data files now.
        per_minute: The most commits allowed within any 60 s.
        most_files: The most live data files allowed.
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
    if files > most_files:
        breaches.append(f"{files:,} data files are live; allowed: {most_files:,}.")
    return Invariant("Commits and files should stay bounded", len(times), "commits", tuple(breaches))
