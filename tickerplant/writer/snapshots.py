"""Commit one snapshot: manifests, manifest list, and one swap of the table's pointer in the catalog.

Written on pyiceberg's parts instead of its transactions for three reasons: a transaction that meets a
conflict rebases and retries by itself, which would let a writer that was replaced go on writing; it makes deep
copies of the whole metadata some twenty times a commit; and it cannot write by day without one more library.
"""

import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pyiceberg.manifest import (
    DataFile,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    write_manifest,
    write_manifest_list,
)
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRef, SnapshotRefType
from pyiceberg.table.snapshots import Operation, Snapshot, SnapshotLogEntry, Summary

from tickerplant.writer.swap import swap

_COMPRESSION: Final = "deflate"

# A manifest with this many entries is left alone by merging.
_FULL_MANIFEST = 2_000


@dataclass(frozen=True)
class Change:
    """What one snapshot does to the table.

    Attributes:
        added: data files that join the table.
        removed: live data files that leave it, by their path.
        properties: written into the snapshot's summary.
        merge: rewrite all small manifests into one.
    """

    added: Sequence[DataFile] = ()
    removed: Mapping[str, DataFile] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    merge: bool = False

    @property
    def operation(self) -> Operation:
        """An append adds rows; anything else here keeps the rows and moves them between files."""
        return Operation.REPLACE if self.removed or self.merge else Operation.APPEND


@dataclass(frozen=True)
class Staged:
    """A snapshot whose files are written, but which no reader can see yet.

    Attributes:
        snapshot: what is to be the current snapshot.
        manifests: how many manifests it has.
        left: files that the snapshot before refers to and this one does not.
    """

    snapshot: Snapshot
    manifests: int
    left: tuple[str, ...]


def stage(table: Table, change: Change) -> Staged:
    """Write the manifests and the manifest list of `change` on top of the table's current snapshot."""
    metadata = table.metadata
    parent = metadata.current_snapshot()
    snapshot_id = metadata.new_snapshot_id()
    sequence_number = metadata.next_sequence_number()
    before = parent.manifests(table.io) if parent else []
    if change.operation is Operation.APPEND:
        manifests = [manifest for manifest in before if _holds_files(manifest)]
        if change.added:
            manifests = [_write_manifest(table, snapshot_id, _added(snapshot_id, change.added)), *manifests]
    else:
        manifests = _rewrite(table, snapshot_id, before, change)
    path = f"{_metadata_folder(table)}/snap-{snapshot_id}-{uuid.uuid4()}.avro"
    with write_manifest_list(
        format_version=metadata.format_version,
        output_file=table.io.new_output(path),
        snapshot_id=snapshot_id,
        parent_snapshot_id=parent.snapshot_id if parent else None,
        sequence_number=sequence_number,
        avro_compression=_COMPRESSION,
    ) as writer:
        writer.add_manifests(manifests)
    snapshot = Snapshot.model_validate(
        {
            "snapshot-id": snapshot_id,
            "parent-snapshot-id": parent.snapshot_id if parent else None,
            "sequence-number": sequence_number,
            "timestamp-ms": max(time.time_ns() // 1_000_000, metadata.last_updated_ms),
            "manifest-list": path,
            "summary": _summary(change, parent),
            "schema-id": metadata.current_schema_id,
        }
    )
    left = {manifest.manifest_path for manifest in before} - {m.manifest_path for m in manifests}
    return Staged(snapshot, len(manifests), (*left, *change.removed))


def publish(table: Table, staged: Staged, *, expire: Collection[int] = ()) -> None:
    """Make a staged snapshot the current one, if the table still is as it was, and forget snapshots `expire`.

    Raises:
        CommitFailedException: somebody else committed in between; nothing was changed.
    """
    metadata, snapshot = table.metadata, staged.snapshot
    gone = set(expire)
    kept = [
        old.model_copy(update={"parent_snapshot_id": None}) if old.parent_snapshot_id in gone else old
        for old in metadata.snapshots
        if old.snapshot_id not in gone
    ]
    log = [entry for entry in metadata.snapshot_log if entry.snapshot_id not in gone]
    entry = {"snapshot-id": snapshot.snapshot_id, "timestamp-ms": snapshot.timestamp_ms}
    branch = {"snapshot-id": snapshot.snapshot_id, "type": SnapshotRefType.BRANCH}
    swap(
        table,
        {
            "last_updated_ms": snapshot.timestamp_ms,
            "last_sequence_number": snapshot.sequence_number,
            "current_snapshot_id": snapshot.snapshot_id,
            "snapshots": [*kept, snapshot],
            "snapshot_log": [*log, SnapshotLogEntry.model_validate(entry)],
            "refs": {**metadata.refs, MAIN_BRANCH: SnapshotRef.model_validate(branch)},
        },
    )


def expirable(metadata: TableMetadata, *, keep: int) -> list[Snapshot]:
    """Name the snapshots that may go when the newest `keep` are to stay; branches and tags stay anyway."""
    held = {reference.snapshot_id for reference in metadata.refs.values()}
    oldest_first = sorted(metadata.snapshots, key=lambda snapshot: snapshot.sequence_number or 0)
    surplus = oldest_first[: max(0, len(oldest_first) - keep)]
    return [snapshot for snapshot in surplus if snapshot.snapshot_id not in held]


def _rewrite(
    table: Table, snapshot_id: int, manifests: Sequence[ManifestFile], change: Change
) -> list[ManifestFile]:
    """Return the manifests after `change`: those that are small or hold a removed file become one."""
    kept: list[ManifestFile] = []
    entries: list[ManifestEntry] = _added(snapshot_id, change.added)
    missing = set(change.removed)
    for manifest in manifests:
        if not missing and (not change.merge or _entries(manifest) >= _FULL_MANIFEST):
            kept.append(manifest)
            continue
        live = manifest.fetch_manifest_entry(table.io, discard_deleted=True)
        touched = missing.intersection(entry.data_file.file_path for entry in live)
        if not touched and not change.merge:
            kept.append(manifest)
            continue
        missing -= touched
        entries += [
            _moved(
                entry,
                ManifestEntryStatus.DELETED
                if entry.data_file.file_path in touched
                else ManifestEntryStatus.EXISTING,
                snapshot_id,
            )
            for entry in live
        ]
    if missing:
        raise ValueError(f"{len(missing)} files to be removed are not in the table, such as {min(missing)}")
    return [*([_write_manifest(table, snapshot_id, entries)] if entries else []), *kept]


def _write_manifest(table: Table, snapshot_id: int, entries: Sequence[ManifestEntry]) -> ManifestFile:
    path = f"{_metadata_folder(table)}/{uuid.uuid4()}-m0.avro"
    with write_manifest(
        format_version=table.metadata.format_version,
        spec=table.spec(),
        schema=table.schema(),
        output_file=table.io.new_output(path),
        snapshot_id=snapshot_id,
        avro_compression=_COMPRESSION,
    ) as writer:
        for entry in entries:
            writer.add_entry(entry)
    return writer.to_manifest_file()


def _added(snapshot_id: int, files: Sequence[DataFile]) -> list[ManifestEntry]:
    return [
        ManifestEntry.from_args(
            status=ManifestEntryStatus.ADDED,
            snapshot_id=snapshot_id,
            sequence_number=None,
            file_sequence_number=None,
            data_file=file,
        )
        for file in files
    ]


def _moved(entry: ManifestEntry, status: ManifestEntryStatus, snapshot_id: int) -> ManifestEntry:
    """Copy an entry into a new manifest; only a deletion takes this snapshot's id."""
    return ManifestEntry.from_args(
        status=status,
        snapshot_id=snapshot_id if status is ManifestEntryStatus.DELETED else entry.snapshot_id,
        sequence_number=entry.sequence_number,
        file_sequence_number=entry.file_sequence_number,
        data_file=entry.data_file,
    )


def _summary(change: Change, parent: Snapshot | None) -> Summary:
    """Count what the snapshot adds and removes, and carry the totals on."""
    added, removed = change.added, change.removed.values()
    before = parent.summary if parent and parent.summary else {}
    counts = {
        "data-files": (len(added), len(removed)),
        "records": (sum(f.record_count for f in added), sum(f.record_count for f in removed)),
        "files-size": (sum(f.file_size_in_bytes for f in added), sum(f.file_size_in_bytes for f in removed)),
    }
    figures: dict[str, str] = {}
    for name, (more, fewer) in counts.items():
        figures[f"added-{name}"] = str(more)
        if fewer:
            figures[f"{'removed' if name == 'files-size' else 'deleted'}-{name}"] = str(fewer)
        figures[f"total-{name}"] = str(int(before.get(f"total-{name}") or 0) + more - fewer)
    figures |= dict.fromkeys(("total-delete-files", "total-position-deletes", "total-equality-deletes"), "0")
    return Summary(operation=change.operation, **figures, **change.properties)


def _entries(manifest: ManifestFile) -> int:
    return (manifest.added_files_count or 0) + (manifest.existing_files_count or 0)


def _holds_files(manifest: ManifestFile) -> bool:
    return bool(manifest.has_added_files() or manifest.has_existing_files())


def _metadata_folder(table: Table) -> str:
    return f"{table.location().rstrip('/')}/metadata"
