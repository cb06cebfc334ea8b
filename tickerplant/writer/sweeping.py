"""Find and delete what no snapshot refers to: what crashes and failed commits left behind."""

import time
from collections.abc import Callable
from os.path import normpath

import pyarrow.fs as pafs
from pyiceberg.catalog import Catalog
from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.typedef import Identifier

from tickerplant.writer.state import interval_files


class Sweeper:
    """Marks what nothing refers to, and deletes what stayed marked for the whole grace.

    A file is judged by how long it has been unreferenced, not by its age: one that a merge replaced is old,
    but a query may have found it a second ago. The grace must be longer than the longest commit, whose files
    are referenced at its end only.

    Args:
        catalog: where the table is.
        identifier: the table.
        grace: seconds for which a file must be seen unreferenced.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        catalog: Catalog,
        identifier: Identifier,
        *,
        grace: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalog = catalog
        self._identifier = identifier
        self._grace = grace
        self._clock = clock
        self._marked: dict[str, float] = {}
        # Manifest lists and manifests never change, so what they refer to is read once.
        self._manifests_of: dict[str, frozenset[str]] = {}
        self._files_of: dict[str, frozenset[str]] = {}

    def sweep(self) -> int:
        """Look at the whole table once; return how many files were deleted."""
        table = self._catalog.load_table(self._identifier)
        filesystem, root = _place(table)
        # Listed before the references are read: a file that is committed in between counts as referenced.
        listed = filesystem.get_file_info(pafs.FileSelector(root, recursive=True, allow_not_found=True))
        present = {normpath(info.path): info.path for info in listed if info.is_file}
        if _path(table.metadata_location) not in present:
            # Names are compared as text: where not even this one is found, nothing may be judged by them.
            raise ValueError(f"the table's own metadata file was not found below {root}")
        referenced = self._referenced(self._catalog.load_table(self._identifier))
        now = self._clock()
        idle = present.keys() - referenced
        self._marked = {path: self._marked.get(path, now) for path in idle}
        due = [path for path, since in self._marked.items() if now - since >= self._grace]
        for path in due:
            filesystem.delete_file(present[path])
            del self._marked[path]
        return len(due)

    def _referenced(self, table: Table) -> set[str]:
        """Return the path of everything that the table or one of its snapshots refers to."""
        metadata = table.metadata
        paths = {table.metadata_location, *(entry.metadata_file for entry in metadata.metadata_log)}
        paths |= {statistics.statistics_path for statistics in metadata.statistics}
        manifests: set[str] = set()
        for snapshot in metadata.snapshots:
            manifests |= self._manifests(snapshot, table.io)
            paths.add(snapshot.manifest_list)
        paths |= interval_files(metadata.snapshots)
        lists = {snapshot.manifest_list for snapshot in metadata.snapshots}
        self._manifests_of = {path: self._manifests_of[path] for path in lists}
        self._files_of = {path: self._files_of[path] for path in manifests}
        return {_path(path) for path in paths.union(manifests, *self._files_of.values())}

    def _manifests(self, snapshot: Snapshot, io: FileIO) -> frozenset[str]:
        known = self._manifests_of.get(snapshot.manifest_list)
        if known is not None:
            return known
        manifests = snapshot.manifests(io)
        for manifest in manifests:
            if manifest.manifest_path not in self._files_of:
                self._files_of[manifest.manifest_path] = frozenset(
                    entry.data_file.file_path
                    for entry in manifest.fetch_manifest_entry(io, discard_deleted=True)
                )
        found = frozenset(manifest.manifest_path for manifest in manifests)
        self._manifests_of[snapshot.manifest_list] = found
        return found


def _place(table: Table) -> tuple[pafs.FileSystem, str]:
    """Return where the table's folder is, read the way in which its files are written.

    Arrow's own `from_uri` would refuse a space and decode a percent sign, and look elsewhere or nowhere.
    """
    if not isinstance(table.io, PyArrowFileIO):
        raise TypeError(f"files of {type(table.io).__name__} cannot be listed")
    scheme, netloc, path = table.io.parse_location(table.location())
    return table.io.fs_by_scheme(scheme, netloc), path


def _path(location: str) -> str:
    return normpath(PyArrowFileIO.parse_location(location)[2])
