"""The feed put together from its parts, and its life from start to end."""

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from tickerplant.feed.backoff import Backoff
from tickerplant.feed.checkpoint import Checkpoint
from tickerplant.feed.connection import Line, Waits
from tickerplant.feed.counts import Counts, FeedCollector
from tickerplant.feed.coverage import Coverage
from tickerplant.feed.history import History
from tickerplant.feed.intake import Intake, Publishes, Reads, SetsAside
from tickerplant.feed.kafka import create_topics
from tickerplant.feed.outbox import Outbox
from tickerplant.feed.parser import Parser
from tickerplant.feed.publish import DeadLetters, GapReporter, Publisher
from tickerplant.feed.repair import Repairer, Reports, VenueHistory
from tickerplant.feed.settings import FeedSettings
from tickerplant.feed.tail import StoppedError, read_tail
from tickerplant.service import HealthServer, Log, Stop
from tickerplant.service.web import new_registry

__all__ = ["Congestion", "Parts", "Publishes", "Reads", "Service", "SetsAside", "assemble", "run"]

PARTITIONS = 12
POLL_EVERY = 0.005
ROOM_EVERY = 0.01
SAVE_EVERY = 0.5
# A broker that is paused keeps its connections: that it works shows in what it acknowledges.
SILENT_AFTER = 4.0
STALLED_AFTER = 10.0
FLUSH_WITHIN = 5.0
LOOK_WITHIN = 1.0


@dataclass(frozen=True)
class Parts:
    """What the feed is made of; each part keeps one promise and can be replaced by another that does not."""

    parser: Reads
    publisher: Publishes
    dead_letters: SetsAside
    gap_reporter: Reports
    history: VenueHistory
    backoff: Callable[[], Waits]


@dataclass(frozen=True)
class Service:
    """One feed, ready to run."""

    settings: FeedSettings
    log: Log
    counts: Counts
    outbox: Outbox
    congestion: "Congestion"
    parts: Parts


class Congestion:
    """Passes the outbox's wish to slow down on to the connections, which exist only later."""

    def __init__(self) -> None:
        self.lines: Sequence[Line] = ()

    def __call__(self, paused: bool) -> None:  # noqa: FBT001 - the outbox calls it so
        """Pause or resume reading on all connections."""
        for line in self.lines:
            line.pause(paused)


def assemble(settings: FeedSettings, log: Log) -> Service:
    """Build the feed from its ordinary parts; nothing is connected yet."""
    counts = Counts()
    congestion = Congestion()
    outbox = Outbox(settings.kafka, counts, log, congestion)
    parts = Parts(
        parser=Parser(settings.symbols, microseconds=settings.microseconds),
        publisher=Publisher(outbox, settings.trades_topic, settings.symbols, counts),
        dead_letters=DeadLetters(outbox, settings.dead_letter_topic, counts),
        gap_reporter=GapReporter(outbox, settings.gap_topic, counts, log),
        history=History(
            settings.rest_url, settings.ca_file, microseconds=settings.microseconds, counts=counts
        ),
        backoff=Backoff,
    )
    return Service(settings, log, counts, outbox, congestion, parts)


def run(service: Service, stop: Stop) -> None:
    """Run until asked to stop.

    Raises:
        RuntimeError: Kafka refused for good; the next start repairs what was not delivered.
    """
    import uvloop  # noqa: PLC0415 - not needed to look at a service without running it

    uvloop.run(_Life(service).live(stop))


class _Life:
    """One run of a service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._settings, self._log, self._counts = service.settings, service.log, service.counts
        self._outbox = service.outbox
        self._coverage = {symbol: Coverage() for symbol in service.settings.symbols}
        self._checkpoint = Checkpoint(service.settings.checkpoint_file, service.log)
        self._lines: list[Line] = []
        self._trouble: str | None = "Kafka has not answered yet"
        self._beat = time.monotonic()

    async def live(self, stop: Stop) -> None:
        """Start, run, stop."""
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        stop.call(lambda: loop.call_soon_threadsafe(stopping.set))
        registry = new_registry()
        registry.register(FeedCollector(self._counts))
        web = HealthServer(
            self._settings.http_host,
            self._settings.http_port,
            registry,
            ready=self._ready,
            live=self._alive,
        )
        web.start()
        try:
            await self._work(stop, stopping)
        finally:
            web.close()

    async def _work(self, stop: Stop, stopping: asyncio.Event) -> None:
        heart = asyncio.create_task(self._keep_going(stopping), name="heart")
        try:
            if not await asyncio.to_thread(self._prepare, stop):
                return
            self._trouble = None
            await self._follow(stopping, heart)
        finally:
            heart.cancel()
            await asyncio.gather(heart, return_exceptions=True)
            left = await asyncio.to_thread(self._outbox.flush, FLUSH_WITHIN)
            if left:
                self._log.warning("undelivered", messages=left)
            if self._trouble is None:
                self._checkpoint.save(self._coverage, self._outbox.accepted, self._outbox.settled)
        if self._outbox.failure is not None:
            raise RuntimeError(f"Kafka refused for good: {self._outbox.failure}")

    def _prepare(self, stop: Stop) -> bool:
        """Make the topics and learn what they hold; False when asked to stop before Kafka answered."""
        settings = self._settings
        topics = {settings.trades_topic: PARTITIONS, settings.dead_letter_topic: 1, settings.gap_topic: 1}
        if not create_topics(settings.kafka, topics, self._log, stop.wait):
            return False
        self._outbox.look(LOOK_WITHIN)
        since_us = self._checkpoint.load(self._coverage)
        try:
            tail = read_tail(
                settings.kafka,
                settings.trades_topic,
                self._coverage,
                since_us=since_us,
                stopping=stop.is_set,
            )
        except StoppedError:
            return False
        known = sum(1 for each in self._coverage.values() if each.next is not None)
        self._log.info("tail_read", records=len(tail), symbols_known=known)
        if tail.unreadable:
            self._counts.unreadable += tail.unreadable
            self._log.warning("tail_unreadable", topic=settings.trades_topic, records=tail.unreadable)
        return True

    async def _follow(self, stopping: asyncio.Event, heart: asyncio.Task[None]) -> None:
        settings, parts = self._settings, self._service.parts
        repairer = Repairer(
            parts.history,
            self._coverage,
            parts.publisher.publish,
            room=self._room,
            reports=parts.gap_reporter,
            letters=parts.dead_letters,
            counts=self._counts,
            log=self._log,
            grace=settings.repair_grace,
            patience=settings.repair_patience,
            reach_patience=settings.reach_patience,
        )
        intake = Intake(
            parts.parser,
            parts.publisher,
            parts.dead_letters,
            coverage=self._coverage,
            counts=self._counts,
            on_hole=repairer.wake,
        )
        numbers = count(1)
        tls = (
            ssl.create_default_context(cafile=settings.ca_file or None)
            if settings.ws_url.startswith("wss")
            else None
        )
        size = settings.streams_per_connection
        self._lines = [
            Line(
                settings.ws_url,
                settings.symbols[start : start + size],
                take=intake.take,
                on_connected=repairer.check_tails,
                next_number=lambda: next(numbers),
                waits=parts.backoff(),
                tls=tls,
                microseconds=settings.microseconds,
                silence=settings.silence,
                rotate_after=settings.rotate_after,
                counts=self._counts,
                log=self._log,
            )
            for start in range(0, len(settings.symbols), size)
        ]
        self._service.congestion.lines = self._lines
        for symbol, each in self._coverage.items():
            if each.holes:
                repairer.wake(symbol)
        running = [asyncio.create_task(line.run()) for line in self._lines]
        await asyncio.wait(
            [*running, heart, asyncio.create_task(stopping.wait())], return_when=asyncio.FIRST_COMPLETED
        )
        for task in running:
            task.cancel()
        ends = await asyncio.gather(*running, return_exceptions=True)
        if heart.done():
            # Without it nothing is delivered, noticed or saved any more.
            ends = [heart.exception(), *ends]
        await repairer.close()
        parts.history.close()
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def _keep_going(self, stopping: asyncio.Event) -> None:
        """Serve Kafka's callbacks, show that the loop is alive, write checkpoints."""
        saved = 0.0
        while True:
            self._outbox.work()
            self._beat = time.monotonic()
            if self._outbox.failure is not None:
                stopping.set()
            if self._trouble is None and self._beat - saved >= SAVE_EVERY:
                saved = self._beat
                self._checkpoint.save(self._coverage, self._outbox.accepted, self._outbox.settled)
            await asyncio.sleep(POLL_EVERY)

    async def _room(self) -> None:
        while self._outbox.congested:  # noqa: ASYNC110 - the outbox knows only when it is asked to work
            await asyncio.sleep(ROOM_EVERY)

    def _ready(self) -> dict[str, str | None]:
        trouble = next((line.trouble for line in self._lines if line.trouble), None)
        return {
            "kafka": self._trouble or _kafka_trouble(self._outbox),
            "exchange": trouble if self._lines else "not connected yet",
        }

    def _alive(self) -> dict[str, str | None]:
        silent = time.monotonic() - self._beat
        return {
            "loop": None if silent < STALLED_AFTER else f"the event loop has stood still for {silent:.0f} s"
        }


def _kafka_trouble(outbox: Outbox) -> str | None:
    if not outbox.reachable:
        return "no broker can be reached"
    silent = outbox.silent_for
    return f"nothing was acknowledged for {silent:.0f} s" if silent >= SILENT_AFTER else None
