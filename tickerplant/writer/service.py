"""Assemble a writer from its parts, and run it with health, metrics and a clean end."""

import os
import socket
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tickerplant.lake import IDENTIFIER, LakeUnavailableError, ensure_table, open_catalog
from tickerplant.service import Environment, HealthServer, Log, SettingsError, Stop
from tickerplant.service.web import new_registry
from tickerplant.writer.commit import Committer
from tickerplant.writer.dead_letters import DeadLetters
from tickerplant.writer.decode import Decoder
from tickerplant.writer.deduplicate import Deduplicator
from tickerplant.writer.failpoints import Failpoints
from tickerplant.writer.garbage import Garbage
from tickerplant.writer.lock import WriterLock
from tickerplant.writer.maintenance import Maintenance
from tickerplant.writer.memory import use_returning_pool
from tickerplant.writer.metrics import Metrics
from tickerplant.writer.settings import WriterSettings
from tickerplant.writer.source import KafkaSource, Source
from tickerplant.writer.state import StateStore
from tickerplant.writer.sweeping import Sweeper
from tickerplant.writer.writer import Parts, Writer

# The loop turns ten times a second; a commit with all its attempts takes less than this.
_STUCK_SECONDS = 60.0


@dataclass(frozen=True)
class Service:
    """A writer ready to run, and what surrounds it."""

    writer: Writer
    health: HealthServer
    lock: WriterLock


def assemble(settings: WriterSettings, log: Log, stop: Stop, **wraps: Callable[[Any], Any]) -> Service:
    """Build a writer.

    Args:
        settings: its surroundings.
        log: takes its events.
        stop: the wish to end.
        **wraps: for parts by their name in `Parts`, what makes the part to be used from the usual one.
    """
    pa.set_cpu_count(1)  # decoding and writing are small; threads of their own only cost memory and cores
    use_returning_pool()
    lock = WriterLock(settings.catalog_uri, stop.wait)
    catalog = open_catalog(settings.catalog_uri, settings.warehouse)
    table = ensure_table(catalog)
    points = Failpoints(settings.failpoint_file)
    states = StateStore(table, settings.topic, log)
    garbage = Garbage(table.io, grace=settings.grace)
    committer = Committer(
        table,
        states,
        garbage,
        points,
        log,
        name=f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}",
        keep=settings.snapshots,
        pause=stop.wait,
    )
    usual: dict[str, Any] = {
        "source": KafkaSource(settings.bootstrap, settings.topic, log),
        "decoder": Decoder(),
        "deduplicator": Deduplicator(states.stored_ids),
        "committer": committer,
        "dead_letters": DeadLetters(settings.bootstrap, settings.dead_letter_topic, settings.topic),
        "maintenance": Maintenance(
            table, committer, garbage, Sweeper(catalog, IDENTIFIER, grace=settings.grace), log
        ),
        "failpoints": points,
    }
    parts = Parts(**{**usual, **{name: wrap(usual[name]) for name, wrap in wraps.items()}})
    registry = new_registry()
    writer = Writer(
        parts,
        Metrics(registry),
        log,
        stop,
        commit_interval=settings.commit_interval,
        commit_rows=settings.commit_rows,
    )

    def ready() -> Mapping[str, str | None]:
        return {
            "table": None if writer.claimed else "The table is not claimed yet.",
            "kafka": _kafka_trouble(writer, parts.source),
            "progress": _progress_trouble(writer),
        }

    def live() -> Mapping[str, str | None]:
        return {"progress": _progress_trouble(writer)}

    health = HealthServer(settings.http_host, settings.http_port, registry, ready=ready, live=live)
    return Service(writer, health, lock)


def run(service: Service) -> None:
    """Run until asked to stop; what was polled is committed first."""
    service.health.start()
    try:
        service.lock.acquire()
        service.writer.run()
    finally:
        service.health.close()
        service.lock.release()


def body(environment: Environment, log: Log, stop: Stop) -> None:
    """Read the settings, assemble, and run."""
    try:
        service = assemble(WriterSettings.read(environment), log, stop)
    except LakeUnavailableError as error:
        raise SettingsError(f"CATALOG_URI or WAREHOUSE: {error}.") from error
    run(service)


def _kafka_trouble(writer: Writer, source: Source) -> str | None:
    if source.unreachable is not None:
        return "The broker cannot be reached."
    if source.stuck:
        return f"{sum(source.stuck.values())} messages wait at the broker, and none come."
    return None if writer.polling else "Not every partition was polled yet."


def _progress_trouble(writer: Writer) -> str | None:
    idle = time.monotonic() - writer.turned
    return f"The loop has not turned for {idle:.0f} s." if idle > _STUCK_SECONDS else None
