"""Which snapshots the table has, and which files each one is made of.

The catalog's pointer is one indexed row: it is read again whenever the last look is older than a few tens of
milliseconds. Metadata, manifests and data files never change under their names, so only what is new is read.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import msgspec
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.io import FileIO, load_file_io
from pyiceberg.manifest import DataFile, ManifestContent
from pyiceberg.serializers import FromInputFile
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from tickerplant.lake import IDENTIFIER, SCHEMA, LakeUnavailableError

EARLIEST, LATEST = -(1 << 63), (1 << 63) - 1

# What the writer puts into the summary of each snapshot.
TOPIC = "tickerplant.topic"
OFFSETS = "tickerplant.offsets"

_VIEWS_KEPT = 64
_MANIFESTS_KEPT = 4_096

_EVENT_TIME = SCHEMA.find_field("event_time").field_id
_WRITE_TIME = SCHEMA.find_field("write_time").field_id
_SYMBOL = SCHEMA.find_field("symbol").field_id


class SnapshotGoneError(LookupError):
    """The snapshot never was, or it expired."""


@dataclass(frozen=True)
class File:
    """One data file of a snapshot, with what its manifest says of it; times in microseconds.

    Args:
        path: Address of the file.
        rows: Its rows.
        bytes: Its size.
        first: No event time in it is earlier.
        last: No event time in it is later.
        low: No symbol in it is less; None when the manifest does not say.
        high: No symbol in it is greater; None when the manifest does not say.
        written: The latest write time in it; None when the manifest does not say.
    """

    path: str
    rows: int
    bytes: int
    first: int = EARLIEST
    last: int = LATEST
    low: str | None = None
    high: str | None = None
    written: int | None = None


@dataclass(frozen=True)
class Source:
    """How far a snapshot had read its source, as the writer notes it: a row is in it if it lies before.

    Args:
        topic: Where rows came from.
        offsets: Partition -> the first offset that was not read.
    """

    topic: str
    offsets: Mapping[int, int]

    def covers(self, earlier: "Source") -> bool:
        """Tell whether all that `earlier` had read was read here as well."""
        return self.topic == earlier.topic and all(
            self.offsets.get(partition, -1) >= offset for partition, offset in earlier.offsets.items()
        )


@dataclass(frozen=True)
class View:
    """The table as of one snapshot.

    Args:
        snapshot: The snapshot's id; None while the table is empty or missing.
        committed_ms: When it was committed, in milliseconds since 1970.
        files: Its data files by their first event time.
        source: How far its source was read; None when the snapshot does not say.
        until: Only rows from before these places count; None when all do.
    """

    snapshot: int | None
    committed_ms: int
    files: tuple[File, ...]
    source: Source | None = None
    until: Source | None = None

    @cached_property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(file.rows for file in self.files)


NOTHING = View(None, 0, ())


class Snapshots:
    """Reads the catalog's pointer, metadata and manifests, and remembers what cannot change.

    Args:
        open_catalog: Opens the catalog; called at the first need, and again until it works.
        max_age: Seconds for which the pointer is believed.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        open_catalog: Callable[[], SqlCatalog],
        *,
        max_age: float = 0.02,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_catalog = open_catalog
        self._max_age = max_age
        self._clock = clock
        self._lock = threading.RLock()
        self._catalog: SqlCatalog | None = None
        self._looked = float("-inf")
        self._pointer: str | None = None
        self._metadata: TableMetadata | None = None
        self._io: FileIO | None = None
        self._views: OrderedDict[int, View] = OrderedDict()
        self._manifests: OrderedDict[str, tuple[File, ...]] = OrderedDict()

    @property
    def io(self) -> FileIO:
        """Opens the table's files."""
        assert self._io is not None, "views come before files"
        return self._io

    def table_exists(self) -> bool:
        """Tell whether the table was created.

        Raises:
            LakeUnavailableError: The catalog or the table's metadata cannot be read.
        """
        with self._lock:
            self._refresh()
            return self._metadata is not None

    def newest(self) -> View:
        """Return the table as it is now; `NOTHING` while it is empty or missing.

        Raises:
            LakeUnavailableError: The catalog or the table's metadata cannot be read.
        """
        with self._lock:
            self._refresh()
            current = self._metadata.current_snapshot() if self._metadata else None
            return self._view(current) if current else NOTHING

    def at(self, snapshot_id: int) -> View:
        """Return the table as of a snapshot.

        Raises:
            SnapshotGoneError: There is no such snapshot, or no longer.
            LakeUnavailableError: The catalog or the table's metadata cannot be read.
        """
        with self._lock:
            if snapshot_id in self._views:
                return self._views[snapshot_id]
            self._refresh()
            snapshot = self._metadata.snapshot_by_id(snapshot_id) if self._metadata else None
            if snapshot is None:
                raise SnapshotGoneError
            return self._view(snapshot)

    def history(self) -> list[Snapshot]:
        """Return the snapshots that the table keeps, oldest first."""
        with self._lock:
            self._refresh()
            return sorted(
                self._metadata.snapshots if self._metadata else (),
                key=lambda s: (s.sequence_number or 0, s.timestamp_ms),
            )

    def forget(self) -> None:
        """Look at the catalog again at the next call: a file that was listed is gone."""
        with self._lock:
            self._looked = float("-inf")
            self._views.clear()

    def _refresh(self) -> None:
        if self._clock() - self._looked < self._max_age:
            return
        try:
            try:
                self._follow(self._read_pointer())
            except FileNotFoundError:  # so many commits since the pointer was read that its file went
                self._follow(self._read_pointer())
        except (SQLAlchemyError, OSError) as error:
            raise LakeUnavailableError(f"the catalog cannot be read: {error}") from error
        self._looked = self._clock()

    def _follow(self, pointer: str | None) -> None:
        if pointer != self._pointer:
            self._metadata = self._read_metadata(pointer)
            self._pointer = pointer

    def _read_pointer(self) -> str | None:
        if self._catalog is None:
            self._catalog = self._open_catalog()
        query = select(IcebergTables.metadata_location).where(
            IcebergTables.catalog_name == self._catalog.name,
            IcebergTables.table_namespace == ".".join(IDENTIFIER[:-1]),
            IcebergTables.table_name == IDENTIFIER[-1],
        )
        with self._catalog.engine.connect() as connection:
            return connection.execute(query).scalar()

    def _read_metadata(self, pointer: str | None) -> TableMetadata | None:
        if pointer is None or self._catalog is None:
            return None
        io = load_file_io(self._catalog.properties, pointer)
        metadata = FromInputFile.table_metadata(io.new_input(pointer))
        self._io = io
        return metadata

    def _view(self, snapshot: Snapshot) -> View:
        known = self._views.get(snapshot.snapshot_id)
        if known is not None:
            self._views.move_to_end(snapshot.snapshot_id)
            return known
        files = sorted(self._files(snapshot), key=lambda file: (file.first, file.path))
        view = View(snapshot.snapshot_id, snapshot.timestamp_ms, tuple(files), _source(snapshot))
        self._views[snapshot.snapshot_id] = view
        while len(self._views) > _VIEWS_KEPT:
            self._views.popitem(last=False)
        return view

    def _files(self, snapshot: Snapshot) -> list[File]:
        files: list[File] = []
        try:
            for manifest in snapshot.manifests(self.io):
                if manifest.content == ManifestContent.DELETES:
                    raise LakeUnavailableError("the table has delete files, which its writer never makes")
                listed = self._manifests.get(manifest.manifest_path)
                if listed is None:
                    listed = tuple(_file(entry.data_file) for entry in manifest.fetch_manifest_entry(self.io))
                    self._manifests[manifest.manifest_path] = listed
                self._manifests.move_to_end(manifest.manifest_path)
                files.extend(listed)
        except FileNotFoundError as error:
            raise SnapshotGoneError from error
        while len(self._manifests) > _MANIFESTS_KEPT:
            self._manifests.popitem(last=False)
        return files


def _source(snapshot: Snapshot) -> Source | None:
    properties = snapshot.summary.additional_properties if snapshot.summary else {}
    topic, offsets = properties.get(TOPIC), properties.get(OFFSETS)
    if topic is None or offsets is None:
        return None
    return Source(topic, msgspec.json.decode(offsets, type=dict[int, int]))


def _file(data: DataFile) -> File:
    low, high = data.lower_bounds or {}, data.upper_bounds or {}
    first, last = _microseconds(low, _EVENT_TIME), _microseconds(high, _EVENT_TIME)
    return File(
        path=data.file_path,
        rows=data.record_count,
        bytes=data.file_size_in_bytes,
        first=EARLIEST if first is None else first,
        last=LATEST if last is None else last,
        low=low[_SYMBOL].decode() if _SYMBOL in low else None,
        high=high[_SYMBOL].decode() if _SYMBOL in high else None,
        written=_microseconds(high, _WRITE_TIME),
    )


def _microseconds(bounds: dict[int, bytes], field: int) -> int | None:
    return int.from_bytes(bounds[field], "little", signed=True) if field in bounds else None
