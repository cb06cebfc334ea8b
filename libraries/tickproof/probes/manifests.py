"""The live data files of an Iceberg snapshot: manifests never change, so each is read once."""

from collections.abc import Collection

from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile, ManifestContent
from pyiceberg.table.snapshots import Snapshot

_KEPT = 2_000


class Manifests:
    """Knows the files that manifests list."""

    def __init__(self) -> None:
        self._listed: dict[str, tuple[DataFile, ...]] = {}

    def files(self, snapshot: Snapshot, io: FileIO) -> list[DataFile] | None:
        """Return the live data files of a snapshot, each as often as it is listed.

        Args:
            snapshot: The snapshot.
            io: Opens its files.

        Returns:
            The files; None where rows are deleted by files of their own, which nobody must overlook.

        Raises:
            FileNotFoundError: The snapshot expired, and a manifest of it is gone.
        """
        found: list[DataFile] = []
        if len(self._listed) > _KEPT:
            self._listed.clear()
        for manifest in snapshot.manifests(io):
            if manifest.content != ManifestContent.DATA:
                return None
            if manifest.manifest_path not in self._listed:
                entries = manifest.fetch_manifest_entry(io, discard_deleted=True)
                self._listed[manifest.manifest_path] = tuple(entry.data_file for entry in entries)
            found += self._listed[manifest.manifest_path]
        return found


def may_hold(file: DataFile, column: int, values: Collection[str]) -> bool:
    """Tell whether a file may hold one of some texts in a column, as far as its manifest says.

    Args:
        file: The file.
        column: The id of the column.
        values: The texts.
    """
    low, high = (file.lower_bounds or {}).get(column), (file.upper_bounds or {}).get(column)
    if low is None or high is None:
        return True
    return any(low <= value.encode() <= high for value in values)
