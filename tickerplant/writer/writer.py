"""The writer's loop: poll, decode, collect, and commit once an interval or once there is enough."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from tickerplant.lake.schema import ARROW_SCHEMA
from tickerplant.service import Log, Stop
from tickerplant.writer import failpoints
from tickerplant.writer.commit import Committer
from tickerplant.writer.dead_letters import DeadLetters
from tickerplant.writer.decode import ROWS_SCHEMA, Decoder
from tickerplant.writer.deduplicate import Deduplicator
from tickerplant.writer.failpoints import Failpoints
from tickerplant.writer.maintenance import Maintenance
from tickerplant.writer.metrics import Metrics
from tickerplant.writer.source import Source, TopicMissingError, next_offsets
from tickerplant.writer.state import State

# A poll waits this long for messages, so this is how soon a wish to stop is heard.
_POLL_SECONDS = 0.1
_POLL_MESSAGES = 10_000

_GATHER_SECONDS = 0.05

# Offsets alone (all was repeated, or quarantined) are worth a snapshot only once in a while.
_OFFSETS_ONLY_SECONDS = 30.0

_TOPIC_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Parts:
    """What a writer is made of; each keeps one promise and can be replaced alone."""

    source: Source
    decoder: Decoder
    deduplicator: Deduplicator
    committer: Committer
    dead_letters: DeadLetters
    maintenance: Maintenance
    failpoints: Failpoints


@dataclass
class Pending:
    """What was polled since the last commit."""

    since: float = 0.0
    chunks: list[pa.Table] = field(default_factory=list)
    rows: int = 0
    offsets: dict[int, int] = field(default_factory=dict)


class Writer:
    """Moves messages into the table, each trade once.

    Args:
        parts: what it is made of.
        metrics: what it counts.
        log: what it tells.
        stop: the wish to end.
        commit_interval: least seconds between two commits while messages come in.
        commit_rows: rows that are committed at once, however soon.
        gather: seconds for which the first messages after a quiet time wait for company.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        parts: Parts,
        metrics: Metrics,
        log: Log,
        stop: Stop,
        *,
        commit_interval: float,
        commit_rows: int,
        gather: float = _GATHER_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parts = parts
        self._metrics = metrics
        self._log = log
        self._stop = stop
        self._interval = commit_interval
        self._commit_rows = commit_rows
        self._gather = gather
        self._clock = clock
        self._state = State()
        self._pending = Pending()
        self._last_commit = clock() - commit_interval
        self._newest_stored_us = 0
        self.turned = clock()
        self.claimed = False
        self.polling = False

    def run(self) -> None:
        """Work until asked to stop, then commit what was polled."""
        if not self._start():
            return
        while not self._stop.is_set():
            self.turn()
        self.finish()

    def turn(self) -> None:
        """Poll once, and commit if it is time."""
        self.turned = self._clock()
        self._take(self._poll_seconds())
        if self._due():
            self._commit()
        self._parts.maintenance.tick()
        self._observe()

    def finish(self) -> None:
        """Commit what was polled, and let go of everything."""
        if self._pending.offsets:
            self._commit()
        self._parts.maintenance.close()
        self._parts.dead_letters.close()
        self._parts.source.close()

    def _start(self) -> bool:
        """Claim the table and find the topic; tell whether both were had before the wish to stop."""
        self._state = self._parts.committer.claim()
        self._parts.maintenance.start()
        self.claimed = True
        self._log.info("table claimed", offsets=self._state.offsets, intervals=len(self._state.ids))
        waiting = False
        while not self._stop.is_set():
            self.turned = self._clock()
            try:
                self._parts.source.start(self._state.offsets)
            except TopicMissingError as missing:
                if not waiting:
                    self._log.info("waiting for the topic", reason=str(missing))
                waiting = True
                self._stop.wait(_TOPIC_PAUSE_SECONDS)
            else:
                self._log.info("polling", offsets=self._state.offsets)
                return True
        return False

    def _take(self, seconds: float) -> None:
        """Poll once, decode, quarantine what cannot be stored, and keep the rest for the commit."""
        room = max(1, min(_POLL_MESSAGES, self._commit_rows - self._pending.rows))
        polled = self._parts.source.poll(room, seconds)
        if not polled.values:
            return
        self._parts.failpoints.reached(failpoints.AFTER_POLL)
        self._metrics.polled.inc(len(polled))
        decoded = self._parts.decoder.decode(polled)
        if decoded.rejects:
            self._parts.dead_letters.send(decoded.rejects)
            self._metrics.quarantined.inc(len(decoded.rejects))
            first = decoded.rejects[0]
            self._log.warning(
                "quarantined",
                messages=len(decoded.rejects),
                reason=first.reason,
                partition=first.partition,
                offset=first.offset,
            )
        if not self._pending.offsets:
            self._pending.since = self._clock()
        self._pending.chunks.append(decoded.rows)
        self._pending.rows += len(decoded.rows)
        self._pending.offsets |= next_offsets(polled)

    def _due(self) -> bool:
        """The interval bounds how often there is a commit; it does not make a lone trade wait."""
        pending, now = self._pending, self._clock()
        if not pending.offsets:
            return False
        if pending.rows >= self._commit_rows:
            return True
        return now >= self._due_at()

    def _due_at(self) -> float:
        interval = self._interval if self._pending.rows else max(self._interval, _OFFSETS_ONLY_SECONDS)
        return max(self._last_commit + interval, self._pending.since + self._gather)

    def _poll_seconds(self) -> float:
        if not self._pending.offsets:
            return _POLL_SECONDS
        return min(_POLL_SECONDS, max(0.001, self._due_at() - self._clock()))

    def _commit(self) -> None:
        """Store what is pending, together with how far the source was read and which ids are stored now."""
        began = self._clock()
        pending, self._pending = self._pending, Pending()
        rows = pa.concat_tables([ROWS_SCHEMA.empty_table(), *pending.chunks])
        fresh = self._parts.deduplicator.fresh(rows, self._state.ids)
        state = State({**self._state.offsets, **pending.offsets}, fresh.ids)
        files = self._parts.committer.append(stamped(fresh.rows), state)
        self._state = state
        if files:
            self._parts.failpoints.reached(failpoints.BEFORE_SAVE)
        self._parts.source.save(state.offsets)
        self._parts.maintenance.appended(files)
        self._last_commit = began
        self._count(fresh.rows, fresh.dropped, self._clock() - began)

    def _count(self, stored: pa.Table, dropped: int, seconds: float) -> None:
        metrics = self._metrics
        metrics.commits.inc()
        metrics.written.inc(len(stored))
        metrics.duplicates.inc(dropped)
        metrics.commit_seconds.observe(seconds)
        metrics.last_commit.set(time.time())
        metrics.known_intervals.set(len(self._state.ids))
        if len(stored):
            newest = pc.max(stored["ingest_time"]).cast(pa.int64()).as_py()
            self._newest_stored_us = max(self._newest_stored_us, newest)
        self._log.debug("committed", rows=len(stored), duplicates=dropped, seconds=round(seconds, 4))

    def _observe(self) -> None:
        """Publish how far behind the table is."""
        lags = self._parts.source.lag()
        if lags is None:
            return
        self.polling = True
        for number, lag in lags.items():
            self._metrics.lag_messages.labels(str(number)).set(lag)
        behind = any(lags.values()) or self._pending.rows > 0
        age = time.time() - self._newest_stored_us / 1e6 if self._newest_stored_us else 0.0
        self._metrics.lag_seconds.set(max(0.0, age) if behind else 0.0)
        tally = self._parts.maintenance.tally
        self._metrics.merges.set(tally.merges)
        self._metrics.deleted.set(tally.deleted_files)
        self._metrics.maintenance_failures.set(tally.failures)


def stamped(rows: pa.Table) -> pa.Table:
    """Add the moment of writing, and put the columns into the table's order."""
    now = pa.scalar(time.time_ns() // 1_000, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    stamped = rows.append_column("write_time", pa.repeat(now, len(rows)))
    return stamped.select(ARROW_SCHEMA.names).cast(ARROW_SCHEMA)
