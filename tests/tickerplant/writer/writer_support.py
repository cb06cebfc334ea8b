"""An exchange of messages without a broker, and a writer put together from real parts around it."""

import io
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from pyiceberg.table import Table

from tickerplant.lake import IDENTIFIER, ensure_table, open_catalog
from tickerplant.service import Log, Stop
from tickerplant.service.web import new_registry
from tickerplant.writer.commit import Committer
from tickerplant.writer.compaction import SmallFiles
from tickerplant.writer.decode import Decoder, Reject
from tickerplant.writer.deduplicate import Deduplicator
from tickerplant.writer.failpoints import Failpoints
from tickerplant.writer.garbage import Garbage
from tickerplant.writer.maintenance import Maintenance
from tickerplant.writer.metrics import Metrics
from tickerplant.writer.source import Polled
from tickerplant.writer.state import StateStore
from tickerplant.writer.sweeping import Sweeper
from tickerplant.writer.writer import Parts, Writer

TOPIC = "market.trades"
NOON = 1_767_355_200_000_000  # 2026-01-02T12:00:00Z in microseconds
HOUR = 3_600_000_000
DAY = 24 * HOUR


def trade(symbol: object, trade_id: int, /, **other: object) -> dict[str, object]:
    """Return one message of the trade topic, as an object."""
    moment = NOON + trade_id % HOUR
    return {
        "symbol": symbol,
        "trade_id": trade_id,
        "price": f"{trade_id % 1_000}.25000000",
        "quantity": "0.00100000",
        "event_time_us": moment,
        "venue_time_us": moment + 3,
        "side": "buy" if trade_id % 2 else "sell",
        "source": "live",
        "ingest_time_us": moment + 9,
        **other,
    }


def encode(message: dict[str, object]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def polled(*values: bytes | None, partition: int = 0, first: int = 0) -> Polled:
    count = len(values)
    return Polled(
        list(values),
        np.full(count, partition, dtype=np.int32),
        np.arange(first, first + count, dtype=np.int64),
    )


@dataclass
class MemoryTopic:
    """Partitions of messages, kept for as long as the test runs; readers have positions of their own."""

    partitions: list[list[bytes]] = field(default_factory=lambda: [[], [], []])

    def put(self, *messages: dict[str, object] | bytes) -> None:
        for message in messages:
            value = message if isinstance(message, bytes) else encode(message)
            symbol = message["symbol"] if isinstance(message, dict) else ""
            self.partitions[sum(str(symbol).encode()) % len(self.partitions)].append(value)


class MemorySource:
    """Reads a `MemoryTopic` the way the writer reads Kafka."""

    unreachable = None

    def __init__(self, topic: MemoryTopic) -> None:
        self.topic = topic
        self.positions: dict[int, int] = {}
        self.saved: list[dict[int, int]] = []
        self.closed = False

    def start(self, offsets: dict[int, int]) -> None:
        self.positions = {number: offsets.get(number, 0) for number in range(len(self.topic.partitions))}

    def poll(self, limit: int, seconds: float) -> Polled:
        values: list[bytes] = []
        partitions: list[int] = []
        offsets: list[int] = []
        for number, messages in enumerate(self.topic.partitions):
            at = self.positions[number]
            taken = messages[at : at + limit - len(values)]
            values += taken
            partitions += [number] * len(taken)
            offsets += range(at, at + len(taken))
            self.positions[number] = at + len(taken)
        if not values:
            threading.Event().wait(min(seconds, 0.001))
        return Polled(values, np.array(partitions, dtype=np.int32), np.array(offsets, dtype=np.int64))

    def lag(self) -> dict[int, int]:
        return {n: len(m) - self.positions[n] for n, m in enumerate(self.topic.partitions)}

    def save(self, offsets: dict[int, int]) -> None:
        self.saved.append(dict(offsets))

    def close(self) -> None:
        self.closed = True


class MemoryDeadLetters:
    def __init__(self) -> None:
        self.rejects: list[Reject] = []

    def send(self, rejects: list[Reject]) -> None:
        self.rejects += rejects

    def close(self) -> None:
        pass


@dataclass
class Bench:
    """A writer on a real table, and what a test looks at."""

    writer: Writer
    table: Table
    source: MemorySource
    dead_letters: MemoryDeadLetters
    parts: Parts
    stop: Stop
    log: io.StringIO

    def drain(self) -> None:
        """Turn until everything that was put is committed."""
        while any(self.source.lag().values()) or self.writer._pending.offsets:
            self.writer.turn()


def table_at(folder: Path) -> Table:
    return ensure_table(open_catalog(f"sqlite:///{folder}/catalog.db", str(folder / "warehouse")))


def bench(
    folder: Path,
    topic: MemoryTopic,
    *,
    name: str = "one",
    failpoint_file: Path | None = None,
    keep: int = 50,
    fan_in: int = 16,
    grace: float = 600.0,
    limit: int = 1_024,
    most_manifests: int = 48,
    commit_interval: float = 0.0,
    commit_rows: int = 50_000,
    gather: float = 0.0,
    start: bool = True,
) -> Bench:
    """Put a writer together and have it claim the table."""
    lines = io.StringIO()
    log = Log("writer", "debug", lines)
    stop = Stop()
    table = table_at(folder)
    states = StateStore(table, TOPIC, log)
    points = Failpoints(failpoint_file)
    garbage = Garbage(table.io, grace=grace)
    committer = Committer(table, states, garbage, points, log, name=name, keep=keep, pause=lambda _: None)
    source = MemorySource(topic)
    dead_letters = MemoryDeadLetters()
    parts = Parts(
        source=source,
        decoder=Decoder(),
        deduplicator=Deduplicator(states.stored_ids, limit),
        committer=committer,
        dead_letters=dead_letters,
        maintenance=Maintenance(
            table,
            committer,
            garbage,
            Sweeper(table.catalog, IDENTIFIER, grace=grace),
            log,
            small_files=SmallFiles(fan_in=fan_in),
            most_manifests=most_manifests,
        ),
        failpoints=points,
    )
    writer = Writer(
        parts,
        Metrics(new_registry()),
        log,
        stop,
        commit_interval=commit_interval,
        commit_rows=commit_rows,
        gather=gather,
    )
    if start:
        writer._start()
    return Bench(writer, table, source, dead_letters, parts, stop, lines)


def stored(table: Table) -> list[tuple[str, int]]:
    """Return all stored keys, sorted."""
    table.refresh()
    rows = table.scan(selected_fields=("symbol", "trade_id")).to_arrow()
    return sorted(zip(rows["symbol"].to_pylist(), rows["trade_id"].to_pylist(), strict=True))


def keys_in_file(path: str) -> list[tuple[str, int]]:
    """Return the keys of one data file in the file's order."""
    rows = pq.read_table(path.removeprefix("file://"), columns=["symbol", "trade_id"])
    return list(zip(rows["symbol"].to_pylist(), rows["trade_id"].to_pylist(), strict=True))


def repeated(table: Table) -> dict[tuple[str, int], int]:
    return {key: count for key, count in Counter(stored(table)).items() if count > 1}
