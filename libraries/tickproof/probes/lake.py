"""An Iceberg table, read by snapshot, file by file, with projected columns only."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError, RESTError
from pyiceberg.expressions import AlwaysTrue, BooleanExpression, In, NotIn
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.table import DataScan, FileScanTask, Table
from pyiceberg.table.snapshots import Snapshot
from requests import RequestException
from sqlalchemy.exc import SQLAlchemyError

from tickproof.clock import now_ns
from tickproof.ledger.schemas import SEEN
from tickproof.probes.errors import HopUnreachableError
from tickproof.probes.manifests import Manifests, may_hold
from tickproof.probes.mapping import Mapper, Own, Positions, Symbols, only
from tickproof.target import LakeHop, SecretSource, Target, TargetError
from tickproof.verdicts import Void

T = TypeVar("T")

# A platform that tidies up deletes files of old snapshots; whoever loaded the table just before reads anew.
_TRIES = 5
_READERS = 4


@dataclass(frozen=True)
class LakeState:
    """What a table held at a time.

    Attributes:
        snapshot_id: The current snapshot, None while the table is empty.
        files: The paths of its live data files.
    """

    snapshot_id: int | None
    files: frozenset[str]


@dataclass(frozen=True)
class LakeInside:
    """The raw inside of a table, for whoever judges it; see Iceberg's metadata tables for the columns.

    Attributes:
        snapshot_id: The current snapshot.
        entries: The manifest entries of the current snapshot.
        files: Its live files.
        manifests: Its manifests.
        snapshots: All snapshots that are kept, with their summaries.
        metadata_log: All metadata files that are kept.
    """

    snapshot_id: int
    entries: pa.Table
    files: pa.Table
    manifests: pa.Table
    snapshots: pa.Table
    metadata_log: pa.Table


class LakeProbe:
    """Reads the table of a target. Connects when first asked.

    Args:
        target: The target; its variables may still be open.
        variables: The running stack's variables.
    """

    def __init__(self, target: Target, variables: Mapping[str, str] | None = None) -> None:
        hop = target.resolve(variables or {}).hops.lake
        if hop is None:
            raise TargetError(f"Target {target.name} has no key `hops.lake`, so there is no table to read.")
        self._hop: LakeHop = hop
        self._variables = dict(variables or {})
        self._mapper = Mapper("lake", hop.mapping, keeps_text=hop.keeps_text)
        self._manifests = Manifests()
        self._listed_only: dict[frozenset[str], set[str]] = {}

    def snapshot(self) -> int | None:
        """Return the id of the current snapshot; None while the table is empty.

        Raises:
            HopUnreachableError: The catalog does not answer or the table is not there.
        """
        return self._reading(lambda table: table.metadata.current_snapshot_id)

    def summary(self) -> dict[str, str]:
        """Return what the current snapshot says of itself; nothing while the table is empty.

        Raises:
            HopUnreachableError: The catalog does not answer or the table is not there.
        """

        def look(table: Table) -> dict[str, str]:
            snapshot = table.current_snapshot()
            return dict(snapshot.summary.additional_properties) if snapshot and snapshot.summary else {}

        return self._reading(look)

    def grown_ns(self) -> int | None:
        """Return when rows were stored last (ns since the epoch); None where no snapshot that is kept added any.

        Snapshots that only tidy up do not count.

        Raises:
            HopUnreachableError: The catalog does not answer or the table is not there.
        """

        def look(table: Table) -> int | None:
            grown = [one.timestamp_ms for one in table.metadata.snapshots if _added(one)]
            return max(grown) * 1_000_000 if grown else None

        return self._reading(look)

    def state(self) -> LakeState:
        """Return the current snapshot and its files; what is read ``after`` it is what came later."""
        return self._reading(
            lambda table: LakeState(
                table.metadata.current_snapshot_id,
                frozenset(task.file.file_path for task in table.scan().plan_files()),
            )
        )

    def read(
        self,
        symbols: Symbols | None = None,
        *,
        snapshot: int | None = None,
        after: LakeState | None = None,
    ) -> pa.Table:
        """Read trades.

        Args:
            symbols: The symbols to read; a mapping also gives the first trade id of each that counts. `Own` reads
                strangers, too, but for those that stood there before the test.
            snapshot: The snapshot to read; left out: the current one.
            after: Leave out the files that the table held then.

        Returns:
            Sightings (schema SEEN): ``lane`` is the ordinal of a file, ``offset`` the ordinal of a row among
            those of its file that were read, ``place`` the file.

        Raises:
            HopUnreachableError: The catalog does not answer or the table is not there.
            UnreadableRowError: A row is no trade; names its file and position.
            Void: The snapshot is no longer there.
        """
        if symbols is not None and not symbols:
            return SEEN.empty_table()

        def look(table: Table) -> pa.Table:
            scan = self._scan(table, symbols, snapshot, tuple(dict.fromkeys(self._hop.columns)))
            old = after.files if after else frozenset()
            tasks = [task for task in self._tasks(table, scan) if task.file.file_path not in old]
            wanted = (
                tasks if symbols is None else [one for one in tasks if self._may_hold(table, one, symbols)]
            )
            found = _parts_of(table, scan, wanted)
            if isinstance(symbols, Own):
                found += self._strangers(table, scan, symbols, tasks)
            return self._sightings(table, found)

        seen = only(self._reading(look), symbols)
        if not isinstance(symbols, Own) or symbols.before in {None, snapshot}:
            return seen
        return self._without_old_strangers(seen, symbols)

    def count(self, symbols: Symbols | None = None, *, snapshot: int | None = None) -> int:
        """Count rows without reading more than the symbols.

        Args:
            symbols: The symbols to count; first trade ids do not matter here. None counts all rows.
            snapshot: The snapshot; left out: the current one.
        """
        return self._reading(
            lambda table: self._scan(table, symbols, snapshot, (self._hop.symbol_column,)).count()
        )

    def inside(self) -> LakeInside:
        """Return the manifests, files and snapshots of the table as they are.

        Raises:
            HopUnreachableError: The catalog does not answer or the table is not there.
            Void: The table is empty and has no snapshot.
        """

        def look(table: Table) -> LakeInside:
            snapshot = table.metadata.current_snapshot_id
            if snapshot is None:
                raise Void(f"{self._hop.table} has no snapshot yet, so there is nothing inside to look at.")
            return LakeInside(
                snapshot_id=snapshot,
                entries=table.inspect.entries(),
                files=table.inspect.files(),
                manifests=table.inspect.manifests(),
                snapshots=table.inspect.snapshots(),
                metadata_log=table.inspect.metadata_log_entries(),
            )

        return self._reading(look)

    def live_files(self, most: int) -> dict[int, list[str]]:
        """Return the live data files of the newest snapshots that are kept, each as often as it is listed.

        Args:
            most: How many snapshots to look at, at most; a manifest that several share is read once.

        Returns:
            By snapshot, oldest first.

        Raises:
            HopUnreachableError: The catalog does not answer or the table is not there.
            Void: Rows are deleted by files of their own.
        """

        def look(table: Table) -> dict[int, list[str]]:
            listed: dict[str, list[str]] = {}
            found: dict[int, list[str]] = {}
            kept = sorted(
                table.metadata.snapshots, key=lambda one: (one.sequence_number or 0, one.timestamp_ms)
            )
            for snapshot in kept[-most:]:
                files = found.setdefault(snapshot.snapshot_id, [])
                for manifest in snapshot.manifests(table.io):
                    if manifest.manifest_path not in listed:
                        entries = manifest.fetch_manifest_entry(table.io, discard_deleted=True)
                        listed[manifest.manifest_path] = [entry.data_file.file_path for entry in entries]
                    files += listed[manifest.manifest_path]
            return found

        return self._reading(look)

    def shape(self) -> dict[str, Any]:
        """Return schema, partition spec and sort order as plain data, to be compared with what is published.

        Returns:
            ``{"columns": [{"name", "type", "required"}], "partition": [{"column", "transform"}],
            "sort": [{"column", "transform", "direction"}], "format": 2, "properties": {}}``.
        """
        return self._reading(_shape)

    def _tasks(self, table: Table, scan: DataScan) -> list[FileScanTask]:
        """Return the files that a scan of any rows has to read."""
        snapshot = scan.snapshot()
        files = self._manifests.files(snapshot, table.io) if snapshot else []
        if files is None:  # whoever knows how to heed deleted rows has to plan
            return list(scan.update(row_filter=AlwaysTrue()).plan_files())
        return [FileScanTask(file) for file in files]

    def _may_hold(self, table: Table, task: FileScanTask, symbols: Symbols) -> bool:
        return may_hold(task.file, table.schema().find_field(self._hop.symbol_column).field_id, symbols)

    def _strangers(
        self, table: Table, scan: DataScan, own: Own, tasks: Sequence[FileScanTask]
    ) -> list[tuple[FileScanTask, pa.Table]]:
        """Return the rows of symbols that the venue does not list; files never change, so each is looked at once."""
        known = frozenset(own.listed)
        clean = self._listed_only.setdefault(known, set())
        new = [task for task in tasks if task.file.file_path not in clean]
        if not new:
            return []
        search = scan.update(row_filter=NotIn(self._hop.symbol_column, set(known)))  # type: ignore[call-arg, arg-type]  # as for In
        found = _parts_of(table, search, new)
        clean.update(task.file.file_path for task, part in found if not part.num_rows)
        return [(task, part) for task, part in found if part.num_rows]

    def _without_old_strangers(self, seen: pa.Table, own: Own) -> pa.Table:
        """Leave out the strangers that stood there before the test, as often as they did."""
        strange = own.strange(seen).to_pylist()
        if not any(strange):
            return seen
        try:
            then = self.read(own, snapshot=own.before)
        except Void:  # so long ago that nobody can tell any more: the table is wrong anyway
            return seen
        old = Counter(_keys(then.filter(own.strange(then))))
        kept = []
        for key, is_strange in zip(_keys(seen), strange, strict=True):
            kept.append(not (is_strange and old[key]))
            old[key] -= not kept[-1]
        return seen.filter(pa.array(kept, pa.bool_()))

    def _scan(
        self, table: Table, symbols: Symbols | None, snapshot: int | None, columns: tuple[str, ...]
    ) -> DataScan:
        chosen: BooleanExpression = AlwaysTrue()
        if symbols is not None:
            chosen = In(self._hop.symbol_column, set(symbols))  # type: ignore[call-arg, arg-type]  # its own documented use
        if snapshot is not None and table.snapshot_by_id(snapshot) is None:
            raise Void(f"snapshot {snapshot} of {self._hop.table} is no longer there; it has expired.")
        missing = [name for name in columns if name not in table.schema().column_names]
        if missing:
            raise TargetError(
                f"Key `hops.lake.columns` names `{missing[0]}`, which {self._hop.table} does not have;"
                f" it has {', '.join(table.schema().column_names)}."
            )
        return table.scan(row_filter=chosen, selected_fields=columns, snapshot_id=snapshot)

    def _sightings(self, table: Table, found: Sequence[tuple[FileScanTask, pa.Table]]) -> pa.Table:
        if not found:
            return SEEN.empty_table()
        tasks, parts = zip(*found, strict=True)
        rows = pa.concat_tables(parts)
        counts = [part.num_rows for part in parts]
        lane = np.repeat(np.arange(len(parts)), counts)
        offset = np.concatenate([np.arange(count) for count in counts])
        base = table.location().rstrip("/") + "/"
        files = [task.file.file_path.removeprefix(base) for task in tasks]
        positions = Positions(
            lane=lane,
            offset=offset,
            seen_ns=np.full(rows.num_rows, now_ns(), np.int64),
            place=pa.array(files, pa.string()).take(pa.array(lane)),
        )
        return self._mapper.sightings(rows, positions, lambda n: f"file {files[lane[n]]}, row {offset[n]}")

    def _reading(self, look: Callable[[Table], T]) -> T:
        """Load the table and look at it; once more when a file went away in between."""
        for left in reversed(range(_TRIES)):
            try:
                return look(self._catalog.load_table(self._hop.table))
            except FileNotFoundError as error:
                if not left:
                    raise HopUnreachableError(
                        f"The lake's table {self._hop.table} cannot be read: a file is missing ({error})."
                    ) from None
            except (NoSuchTableError, NoSuchNamespaceError):
                raise HopUnreachableError(f"The lake has no table {self._hop.table}.") from None
            except (RequestException, RESTError, SQLAlchemyError) as error:
                reason = getattr(error, "orig", None) or error
                raise HopUnreachableError(f"The lake's catalog does not answer: {reason}.") from None
        raise AssertionError("unreachable: the last try returns or raises")

    @cached_property
    def _catalog(self) -> Catalog:
        properties = {
            name: value if isinstance(value, str) else _opened(value, self._variables)
            for name, value in self._hop.catalog.items()
        }
        # A probe only looks: it must not make a catalog where the platform has none yet.
        return load_catalog(self._hop.catalog_name, **{"init_catalog_tables": "false", **properties})


def _opened(source: SecretSource, variables: Mapping[str, str]) -> str:
    return str(source.read(variables).value)


def _parts_of(
    table: Table, scan: DataScan, tasks: Sequence[FileScanTask]
) -> list[tuple[FileScanTask, pa.Table]]:
    """Read the rows of a scan, file by file."""
    if not tasks:
        return []
    with ThreadPoolExecutor(_READERS) as readers:
        return list(zip(tasks, readers.map(lambda task: _rows_of(table, scan, task), tasks), strict=True))


def _keys(rows: pa.Table) -> list[tuple[str, int]]:
    return list(zip(rows["symbol"].to_pylist(), rows["trade_id"].to_pylist(), strict=True))


def _rows_of(table: Table, scan: DataScan, task: FileScanTask) -> pa.Table:
    reader = ArrowScan(table.metadata, table.io, scan.projection(), scan.row_filter, scan.case_sensitive)
    return reader.to_table([task])


def _added(snapshot: Snapshot) -> bool:
    """Tell whether a snapshot added rows; one that writes files anew adds as many as it deletes, or fewer."""
    told = snapshot.summary.additional_properties if snapshot.summary else {}
    return int(told.get("added-records", 0)) > int(told.get("deleted-records", 0))


def _shape(table: Table) -> dict[str, Any]:
    schema = table.schema()
    return {
        "columns": [
            {"name": field.name, "type": str(field.field_type), "required": field.required}
            for field in schema.fields
        ],
        "partition": [
            {"column": schema.find_column_name(field.source_id), "transform": str(field.transform)}
            for field in table.spec().fields
        ],
        "sort": [
            {
                "column": schema.find_column_name(field.source_id),
                "transform": str(field.transform),
                "direction": field.direction.value,
            }
            for field in table.sort_order().fields
        ],
        "format": table.metadata.format_version,
        "properties": dict(table.properties),
    }
