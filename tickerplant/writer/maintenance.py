"""Keeps files and manifests few, beside the writing: heavy work in a thread of its own, commits here."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

import pyarrow as pa
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from sqlalchemy.exc import DBAPIError

from tickerplant.service import Log
from tickerplant.writer.commit import CommitError, Committer, FencedError
from tickerplant.writer.compaction import Merge, SmallFiles, merge_files
from tickerplant.writer.files import DataFiles
from tickerplant.writer.garbage import Garbage
from tickerplant.writer.memory import give_back
from tickerplant.writer.sweeping import Sweeper

# More manifests than this and they are merged, so that a commit's manifest list stays short.
MOST_MANIFESTS = 48

# A sweep reads all manifests, and there is rarely anything to find.
SWEEP_SECONDS = 900.0

# After a failure the next merge waits for so long, and for twice as long after each further one.
_REST_SECONDS = 1.0
_LONGEST_REST_SECONDS = 60.0

# What reading, writing or moving files can end with: the writing goes on, and it is tried again later.
_FAILURES = (OSError, ValueError, RuntimeError, DBAPIError, pa.ArrowException)


@dataclass(frozen=True)
class Tally:
    """What maintenance has done so far."""

    merges: int = 0
    merged_files: int = 0
    deleted_files: int = 0
    failures: int = 0


class Maintenance:
    """Does one thing at a time; the writer's loop calls `tick` between its commits.

    Args:
        table: the table, shared with the committer.
        committer: makes rearrangements visible.
        garbage: deletes what the committer's commits made useless.
        sweeper: deletes what was left behind otherwise.
        log: told of what was done.
        small_files: decides what to merge.
        most_manifests: more of them are merged into one.
        sweep_every: seconds between sweeps.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        table: Table,
        committer: Committer,
        garbage: Garbage,
        sweeper: Sweeper,
        log: Log,
        *,
        small_files: SmallFiles | None = None,
        most_manifests: int = MOST_MANIFESTS,
        sweep_every: float = SWEEP_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = table
        self._committer = committer
        self._garbage = garbage
        self._sweeper = sweeper
        self._log = log
        self._small = small_files or SmallFiles()
        self._most_manifests = most_manifests
        self._sweep_every = sweep_every
        self._clock = clock
        self._files = DataFiles(table)
        self._next_sweep = clock()
        self._merge: tuple[Merge, Future[list[DataFile]]] | None = None
        self._sweep: Future[int] | None = None
        self._lane = ThreadPoolExecutor(1, thread_name_prefix="maintenance")
        self._swept = 0
        self._rest = 0.0
        self._next_merge = clock()
        self.tally = Tally()

    def start(self) -> None:
        """Learn which files there are."""
        self._small.reload(self._table)

    def appended(self, files: list[DataFile]) -> None:
        """Learn of files that a commit added."""
        self._small.add(files)

    def tick(self) -> None:
        """Finish what is done, and begin what is due; waits only if files come faster than they are merged."""
        self._garbage.delete()
        if self._merge is not None and self._small.overdue:
            wait([self._merge[1]])
        if self._merge is not None and self._merge[1].done():
            self._finish_merge()
        if self._merge is None and self._clock() >= self._next_merge and (plan := self._small.plan()):
            self._merge = plan, self._lane.submit(merge_files, self._table, self._files, plan)
        if self._merge is None and self._committer.manifests > self._most_manifests:
            self._committer.rearrange({}, [], merge=True)
        if self._sweep is not None and self._sweep.done():
            self._finish_sweep()
        if self._sweep is None and self._clock() >= self._next_sweep:
            self._sweep = self._lane.submit(self._sweep_once)
        self.tally = replace(self.tally, deleted_files=self._garbage.deleted + self._swept)

    def close(self) -> None:
        """Give up what was not begun, wait for what was; files of an unfinished merge are swept later."""
        self._lane.shutdown(wait=True, cancel_futures=True)

    def _sweep_once(self) -> int:
        count = self._sweeper.sweep()
        give_back()
        return count

    def _finish_merge(self) -> None:
        assert self._merge is not None
        merge, future = self._merge
        self._merge = None
        try:
            added = future.result()
            self._committer.rearrange(merge.removed, added)
        except (FencedError, CommitError):
            raise
        except _FAILURES as error:
            self._failed("merge", error)
            self._back_off(merge)
            return
        self._rest = 0.0
        self._small.remove(merge.files)
        self._small.add(added)
        merges, merged = self.tally.merges + 1, self.tally.merged_files + len(merge.files)
        self.tally = replace(self.tally, merges=merges, merged_files=merged)
        self._log.debug("merged", files=len(merge.files), rows=sum(file.record_count for file in added))

    def _back_off(self, merge: Merge) -> None:
        """Leave the files alone for a while: one of them may be torn, or somebody else rearranged the table."""
        self._rest = min(max(2 * self._rest, _REST_SECONDS), _LONGEST_REST_SECONDS)
        self._next_merge = self._clock() + self._rest
        self._small.set_aside(merge.files)
        try:
            self._small.reload(self._table)
        except _FAILURES as error:
            self._failed("look at the files", error)

    def _finish_sweep(self) -> None:
        assert self._sweep is not None
        future, self._sweep = self._sweep, None
        self._next_sweep = self._clock() + self._sweep_every
        try:
            count = future.result()
        except _FAILURES as error:
            self._failed("sweep", error)
            return
        self._swept += count

    def _failed(self, what: str, error: Exception) -> None:
        self.tally = replace(self.tally, failures=self.tally.failures + 1)
        self._log.warning("maintenance failed", what=what, reason=str(error))
