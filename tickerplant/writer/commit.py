"""Rows, source offsets and id intervals become visible together, in one snapshot, or not at all."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace

import pyarrow as pa
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from sqlalchemy.exc import DBAPIError

from tickerplant.service import Log
from tickerplant.writer import failpoints
from tickerplant.writer.failpoints import Failpoints
from tickerplant.writer.files import DataFiles
from tickerplant.writer.garbage import Garbage
from tickerplant.writer.snapshots import Change, Staged, expirable, publish, stage
from tickerplant.writer.state import (
    COMMIT,
    IDS,
    OFFSETS,
    TOPIC,
    WRITER,
    State,
    StateStore,
    interval_files,
    last_own_snapshot,
)

_ATTEMPTS = 5
_PAUSE_SECONDS = 0.2

# After any of these it is unknown whether the commit took place: the table has to be looked at.
_UNKNOWN_OUTCOME = (CommitFailedException, DBAPIError, OSError)


class FencedError(RuntimeError):
    """Another writer took the table over; this one must end, as the other continues from its last commit."""


class CommitError(RuntimeError):
    """A commit failed again and again; nothing of it is in the table."""


class Committer:
    """Commits on behalf of one writer.

    Whoever committed last owns the table: a new writer claims it with an empty snapshot, and every commit of
    an older one then fails on the catalog's swap, sees a stranger's commit at the head, and is fenced.

    Args:
        table: the table; its metadata follows each commit.
        states: writes the state that travels with a snapshot.
        garbage: takes the files that commits make useless.
        points: where to die, for tests of crashes.
        log: told of conflicts.
        name: this writer, for whoever is fenced by it.
        keep: snapshots that stay, the new one among them; older ones are expired with each commit.
        pause: waits between attempts.
    """

    def __init__(
        self,
        table: Table,
        states: StateStore,
        garbage: Garbage,
        points: Failpoints,
        log: Log,
        *,
        name: str,
        keep: int,
        pause: Callable[[float], object],
    ) -> None:
        self._table = table
        self._states = states
        self._garbage = garbage
        self._points = points
        self._log = log
        self._name = name
        self._keep = keep
        self._pause = pause
        self._files = DataFiles(table)
        self._last: str | None = None
        self._properties: dict[str, str] = {}
        self.manifests = 0

    def claim(self) -> State:
        """Take the table over, and return the state that its last writer left.

        Raises:
            CommitError: the catalog refuses.
        """
        self._table.refresh()
        state = self._states.load()
        last = last_own_snapshot(self._table)
        self._last = last.summary.get(COMMIT) if last and last.summary else None
        commit = str(uuid.uuid4())
        self._commit(Change(), commit, self._states.save(state, commit))
        return state

    def append(self, rows: pa.Table, state: State) -> list[DataFile]:
        """Store `rows` (sorted) and `state` in one snapshot; return the files written.

        Raises:
            FencedError: another writer has the table.
            CommitError: it failed for good; nothing was stored.
        """
        files = self._files.write(rows) if len(rows) else []
        if files:
            self._points.reached(failpoints.AFTER_FILE)
        commit = str(uuid.uuid4())
        self._commit(Change(added=files), commit, self._states.save(state, commit))
        if files:
            self._points.reached(failpoints.AFTER_COMMIT)
        return files

    def rearrange(
        self, removed: Mapping[str, DataFile], added: list[DataFile], *, merge: bool = False
    ) -> None:
        """Put the same rows into other files or manifests; state and offsets stay as they are.

        Raises:
            FencedError: another writer has the table.
            CommitError: it failed for good; nothing was changed.
            ValueError: a file to be removed is not in the table (any more).
        """
        change = Change(added=added, removed=removed, merge=merge)
        self._commit(change, str(uuid.uuid4()), self._properties)

    def _commit(self, change: Change, commit: str, properties: Mapping[str, str]) -> None:
        carried = {name: properties[name] for name in (TOPIC, OFFSETS, IDS)}
        change = replace(change, properties={**carried, COMMIT: commit, WRITER: self._name})
        for attempt in range(1, _ATTEMPTS + 1):
            self._check_ownership()
            staged = stage(self._table, change)
            if change.added and not change.removed:
                self._points.reached(failpoints.BEFORE_COMMIT)
            try:
                self._publish(staged)
            except _UNKNOWN_OUTCOME as error:
                self._log.warning("commit in doubt", attempt=attempt, reason=str(error))
                self._table.refresh()
                if self._landed(commit):
                    break
                if attempt == _ATTEMPTS:
                    raise CommitError(f"{attempt} attempts to commit failed: {error}") from error
                self._pause(_PAUSE_SECONDS * attempt)
            else:
                break
        self.manifests = staged.manifests
        self._last = commit
        self._properties = carried

    def _publish(self, staged: Staged) -> None:
        expired = expirable(self._table.metadata, keep=self._keep - 1)
        publish(self._table, staged, expire=[snapshot.snapshot_id for snapshot in expired])
        if staged.left:
            self._garbage.replaced(staged.snapshot.sequence_number or 0, staged.left)
        if expired:
            kept = self._table.snapshots()
            lists = {snapshot.manifest_list for snapshot in expired}
            intervals = interval_files(expired) - interval_files(kept)
            oldest = min(snapshot.sequence_number or 0 for snapshot in kept)
            self._garbage.expired(oldest, lists | intervals)

    def _landed(self, commit: str) -> bool:
        return any(
            snapshot.summary is not None and snapshot.summary.get(COMMIT) == commit
            for snapshot in self._table.snapshots()
        )

    def _check_ownership(self) -> None:
        last = last_own_snapshot(self._table)
        found = last.summary.get(COMMIT) if last and last.summary else None
        if found != self._last:
            other = (last.summary.get(WRITER) if last and last.summary else None) or "somebody"
            raise FencedError(f"the writer {other} has taken over the table, so {self._name} ends")
