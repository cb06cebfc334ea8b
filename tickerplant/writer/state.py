"""What a restart needs, kept where it cannot drift from the data: in the snapshot that holds the data.

The snapshot's summary holds the source offsets as JSON, and names a file with the id intervals. Should that
file be lost, the intervals are read from the table itself.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from pyiceberg.expressions import And, EqualTo, GreaterThanOrEqual, LessThanOrEqual, Reference
from pyiceberg.expressions.literals import literal
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot, ancestors_of

from tickerplant.service import Log
from tickerplant.writer.deduplicate import distinct_ids
from tickerplant.writer.intervals import Integers, Intervals

TOPIC = "tickerplant.topic"
OFFSETS = "tickerplant.offsets"
IDS = "tickerplant.ids"
COMMIT = "tickerplant.commit"
WRITER = "tickerplant.writer"


@dataclass(frozen=True)
class State:
    """How far the table is: the next offset a partition, and the ids stored."""

    offsets: Mapping[int, int] = field(default_factory=dict)
    ids: Intervals = field(default_factory=Intervals)


def last_own_snapshot(table: Table) -> Snapshot | None:
    """Return the newest snapshot that a writer made; other tools may have committed after it."""
    for snapshot in ancestors_of(table.current_snapshot(), table.metadata):
        if snapshot.summary is not None and snapshot.summary.get(COMMIT):
            return snapshot
    return None


def interval_files(snapshots: Iterable[Snapshot]) -> set[str]:
    """Return the files with id intervals that snapshots refer to; several may share one."""
    found = (s.summary.get(IDS) for s in snapshots if s.summary is not None)
    return {path for path in found if path}


class StateStore:
    """Keeps states of one table.

    Args:
        table: the table that the state belongs to.
        topic: the source; offsets of another topic mean nothing.
        log: told when intervals had to be read from the table.
    """

    def __init__(self, table: Table, topic: str, log: Log) -> None:
        self._table = table
        self._topic = topic
        self._log = log

    def load(self) -> State:
        """Return the state of the newest snapshot that a writer made."""
        snapshot = last_own_snapshot(self._table)
        if snapshot is None or snapshot.summary is None:
            return State(ids=self._ids_in_table() if self._table.current_snapshot() else Intervals())
        offsets: dict[int, int] = {}
        if snapshot.summary.get(TOPIC) == self._topic:
            stored = json.loads(snapshot.summary.get(OFFSETS) or "{}")
            offsets = {int(number): int(at) for number, at in stored.items()}
        return State(offsets, self._read(snapshot.summary.get(IDS) or ""))

    def save(self, state: State, commit: str) -> dict[str, str]:
        """Write the intervals and return the properties that the snapshot of `commit` is to carry."""
        path = f"{self._table.location().rstrip('/')}/metadata/ids-{commit}.arrow"
        table = state.ids.to_table()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        with self._table.io.new_output(path).create() as stream:
            stream.write(sink.getvalue())
        return {
            TOPIC: self._topic,
            OFFSETS: json.dumps({str(number): at for number, at in sorted(state.offsets.items())}),
            IDS: path,
        }

    def stored_ids(self, symbol: str, ids: Integers) -> Integers:
        """Return which of `ids`, all of one symbol, the table holds."""
        wanted = And(
            EqualTo(term=Reference("symbol"), value=literal(symbol)),
            And(
                GreaterThanOrEqual(term=Reference("trade_id"), value=literal(int(ids.min()))),
                LessThanOrEqual(term=Reference("trade_id"), value=literal(int(ids.max()))),
            ),
        )
        found = self._table.scan(row_filter=wanted, selected_fields=("trade_id",)).to_arrow()
        return np.asarray(found["trade_id"].to_numpy(), dtype=np.int64)

    def _read(self, path: str) -> Intervals:
        try:
            with self._table.io.new_input(path).open() as stream:
                return Intervals.from_table(pa.ipc.open_file(stream.read()).read_all())
        except (OSError, ValueError) as error:  # Arrow's own errors are ValueErrors
            self._log.warning("id intervals lost, reading them from the table", path=path, reason=str(error))
            return self._ids_in_table()

    def _ids_in_table(self) -> Intervals:
        ids = Intervals()
        for batch in self._table.scan(selected_fields=("symbol", "trade_id")).to_arrow_batch_reader():
            if len(batch):
                ids = distinct_ids(pa.Table.from_batches([batch]), ids)
        return ids
