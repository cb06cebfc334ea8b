"""Few large files instead of many small ones: size-tiered, so that a row is rewritten a few times at most."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from tickerplant.lake.schema import ARROW_SCHEMA
from tickerplant.writer.files import DataFiles
from tickerplant.writer.memory import give_back

# Files of one tier hold up to this many times the rows of the tier below, and this many make one of the next.
FAN_IN = 16

# With so many times more small files in a day, merging has fallen behind; its tiers alone need four.
_OVERDUE_FAN_INS = 8

# Bounds the memory of one merge; a file with more than half of it is left as it is.
LARGEST_ROWS = 320_000

# Files whose merge failed are left out of plans for so many seconds, and for twice as many each time again.
_ASIDE_SECONDS = 60.0
_LONGEST_ASIDE_SECONDS = 3_600.0


@dataclass(frozen=True)
class Merge:
    """Files of one day that are to become one."""

    files: Sequence[DataFile]

    @property
    def removed(self) -> Mapping[str, DataFile]:
        """The files by their path."""
        return {file.file_path: file for file in self.files}


@dataclass
class SmallFiles:
    """Knows the live files that are worth merging, so that a plan needs no look at manifests.

    Args:
        fan_in: how many files of a tier are merged at once.
        largest: rows of the largest file that a merge makes.
        clock: seconds that only grow.
    """

    fan_in: int = FAN_IN
    largest: int = LARGEST_ROWS
    clock: Callable[[], float] = time.monotonic
    _days: dict[int, dict[str, DataFile]] = field(default_factory=lambda: defaultdict(dict))
    _aside: dict[str, tuple[float, float]] = field(default_factory=dict)  # path: until when, for how long

    def reload(self, table: Table) -> None:
        """Read the live files from the current snapshot; what is set aside stays so."""
        snapshot = table.current_snapshot()
        live = [
            entry.data_file
            for manifest in (snapshot.manifests(table.io) if snapshot else ())
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True)
        ]
        paths = {file.file_path for file in live}
        self._aside = {path: since for path, since in self._aside.items() if path in paths}
        self._days.clear()
        self.add(live)

    def add(self, files: Iterable[DataFile]) -> None:
        """Learn of files that joined the table."""
        for file in files:
            if file.record_count <= self.largest // 2:
                self._days[file.partition[0]][file.file_path] = file

    def remove(self, files: Iterable[DataFile]) -> None:
        """Learn of files that left the table."""
        for file in files:
            self._days[file.partition[0]].pop(file.file_path, None)
            self._aside.pop(file.file_path, None)

    def set_aside(self, files: Iterable[DataFile]) -> None:
        """Leave files out of plans for a while, as they could not be merged; longer each time."""
        now = self.clock()
        for file in files:
            _, pause = self._aside.get(file.file_path, (now, _ASIDE_SECONDS / 2))
            pause = min(2 * pause, _LONGEST_ASIDE_SECONDS)
            self._aside[file.file_path] = (now + pause, pause)

    @property
    def overdue(self) -> bool:
        """Tell whether files come faster than they are merged."""
        most = _OVERDUE_FAN_INS * self.fan_in
        return any(len(files) > most and len(self._mergeable(files)) > most for files in self._days.values())

    def plan(self) -> Merge | None:
        """Return the merge that is due first, if any."""
        for files in self._days.values():
            tiers: dict[int, list[DataFile]] = defaultdict(list)
            for file in self._mergeable(files):
                tiers[self._tier(file)].append(file)
            for tier in sorted(tiers):
                chosen = self._fitting(tiers[tier])
                if chosen is not None:
                    return Merge(chosen)
        return None

    def _mergeable(self, files: Mapping[str, DataFile]) -> list[DataFile]:
        if not self._aside:
            return list(files.values())
        now = self.clock()
        return [file for path, file in files.items() if self._aside.get(path, (now, 0.0))[0] <= now]

    def _tier(self, file: DataFile) -> int:
        tier, rows = 0, file.record_count
        while rows >= self.fan_in:
            tier, rows = tier + 1, rows // self.fan_in
        return tier

    def _fitting(self, files: list[DataFile]) -> list[DataFile] | None:
        """Take the oldest files that fit into one, once there are enough of them or they fill it."""
        chosen: list[DataFile] = []
        rows = 0
        for file in files:
            if rows + file.record_count > self.largest:
                return chosen if len(chosen) > 1 else None
            chosen.append(file)
            rows += file.record_count
            if len(chosen) == self.fan_in:
                return chosen
        return None


def merge_files(table: Table, files: DataFiles, merge: Merge) -> list[DataFile]:
    """Write the rows of a merge, sorted by the table's order, into one new file.

    Columns are read and put in order one by one, so that memory never holds the rows twice.

    Raises:
        RuntimeError: rows went missing on the way; nothing may be committed.
    """
    with ExitStack() as stack:
        parts = [
            pq.ParquetFile(stack.enter_context(table.io.new_input(file.file_path).open()))
            for file in merge.files
        ]

        def column(name: str) -> pa.ChunkedArray:
            chunks = [part.read([name], use_threads=False)[name] for part in parts]
            return pa.chunked_array([chunk for column in chunks for chunk in column.chunks])

        keys = pa.table({"symbol": column("symbol"), "trade_id": column("trade_id")})
        order = pc.sort_indices(keys, [("symbol", "ascending"), ("trade_id", "ascending")])
        del keys
        rows = pa.table([column(name).take(order) for name in ARROW_SCHEMA.names], names=ARROW_SCHEMA.names)
    written = files.write(rows)
    del rows
    give_back()
    expected = sum(file.record_count for file in merge.files)
    if sum(file.record_count for file in written) != expected:
        raise RuntimeError(f"a merge of {len(merge.files)} files would not keep their {expected} rows")
    return written
