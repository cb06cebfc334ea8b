"""The way into Kafka: an outbox that loses nothing and never blocks the event loop."""

import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from tickerplant.feed.counts import Counts
from tickerplant.feed.kafka import CLIENT
from tickerplant.service import Log

STATISTICS_EVERY_MS = 500
FLUSH_STEP = 0.1

# As large as what the broker takes; the client itself stops at 1,000,000 bytes unless told otherwise.
LARGEST = 2_097_152
# A message as large as that has no room left for its headers: so much of it is kept.
BEGINNING = 65_536

# Under a steady flow there is always something on its way. So that it is known now and then that all has arrived, new
# messages wait for those before them: once in so many seconds, and for no longer than a moment.
SETTLE_EVERY = 30.0
SETTLE_WITHIN = 0.05

# A client that was told by a broker about to end that there is no broker at all believes it for good
# (https://github.com/confluentinc/librdkafka/issues/5301): one that finds no connection for so long, though somebody
# listens at the broker's address all the while, is replaced.
REPLACE_AFTER = 5.0
LISTENS_WITHIN = 0.1
# Work that comes after a longer pause than this says nothing of the client: we were held up ourselves.
HELD_UP = 1.0

Headers = list[tuple[str, str | bytes | None]]


class Outgoing(NamedTuple):
    """One message on its way."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers


class _Broker(msgspec.Struct):
    state: str


class _Statistics(msgspec.Struct):
    brokers: dict[str, _Broker]


class Outbox:
    """Hands messages to the Kafka client, in order, exactly as often as asked.

    The client retries by itself for as long as it takes. When its queue is full, messages wait here, in order, and
    `on_congestion` asks the connections to stop reading until there is room again.

    Args:
        bootstrap: The broker's address.
        counts: Where deliveries are counted.
        log: Told about outages and failed deliveries.
        on_congestion: Called with True when reading should pause, with False when it may go on.
        queue: How many messages the client may hold.
    """

    def __init__(
        self,
        bootstrap: str,
        counts: Counts,
        log: Log,
        on_congestion: Callable[[bool], None],
        queue: int = 200_000,
    ) -> None:
        self._counts = counts
        self._log = log
        self._on_congestion = on_congestion
        self._waiting: deque[Outgoing] = deque()
        self._behind = False  # whether new messages have to go behind those that wait
        self._asked_to_pause = False
        self._holding_until: float | None = None
        self._settled_at = time.monotonic()
        self._undelivered = 0
        self._went_back = False  # whether one that failed waits behind younger ones
        self._reachable = threading.Event()
        self.handed_over = 0
        self.settled = 0
        self.failure: KafkaError | None = None
        self._bootstrap = bootstrap
        self._queue = queue
        self._worked_at = self._connected_at = self._acknowledged_at = time.monotonic()
        self._acknowledged = 0
        self._looks = 0
        self._listened = -1  # the number of the last look at which somebody listened
        # What a client that is being replaced had not delivered.
        self._taken_back: deque[Outgoing] | None = None
        self._producer = self._connect()
        self._produce = self._producer.produce
        self._read_statistics = msgspec.json.Decoder(_Statistics).decode
        self._reachable.set()

    def send(self, topic: str, key: bytes | None, value: bytes, headers: Headers | None = None) -> None:
        """Take one message; it is never dropped. Of one that is too large for Kafka, the beginning is sent."""
        if self._behind:
            self._waiting.append(Outgoing(topic, key, value, headers or []))
            return
        try:
            self._produce(topic, value, key, headers=headers or [], on_delivery=self._noting(headers))
        except BufferError:
            self._wait(Outgoing(topic, key, value, headers or []))
        except KafkaException as refusal:
            self._refused(Outgoing(topic, key, value, headers or []), refusal.args[0])
        else:
            self.handed_over += 1

    def work(self) -> None:
        """Serve callbacks and move on what waits; to be called every few milliseconds."""
        self._producer.poll(0)
        now = time.monotonic()
        if now - self._worked_at >= HELD_UP:
            self._connected_at = now
        elif now - self._connected_at >= REPLACE_AFTER:
            self._look_at_silence(now)
        self._worked_at = now
        if self._all_delivered():
            self._settle(now)
        elif self._holding_until is None:
            if now - self._settled_at >= SETTLE_EVERY and not self._waiting and self._reachable.is_set():
                self._holding_until, self._behind = now + SETTLE_WITHIN, True
        elif now >= self._holding_until:
            # Kafka is slower than that: the next try is due after as long again.
            self._holding_until, self._settled_at = None, now
        if self._behind and self._holding_until is None:
            self._move_on()

    @property
    def accepted(self) -> int:
        """How many messages were taken so far, those included that still wait for room in the client's queue."""
        return self.handed_over + len(self._waiting)

    @property
    def delivered(self) -> int:
        """How many messages Kafka has acknowledged so far. They need not be the first ones: partitions differ."""
        return self.handed_over - len(self._producer) - self._undelivered

    @property
    def congested(self) -> bool:
        """Whether messages wait for room in the client's queue."""
        return bool(self._waiting)

    @property
    def reachable(self) -> bool:
        """Whether a broker was connected when last looked."""
        return self._reachable.is_set()

    @property
    def silent_for(self) -> float:
        """Seconds for which Kafka has acknowledged nothing though messages wait for it; 0 while it does."""
        return time.monotonic() - self._acknowledged_at if self.accepted > self.delivered else 0.0

    def look(self, seconds: float) -> None:
        """Ask the broker for an answer, to know sooner than by the next statistics that it is there.

        Args:
            seconds: How long to wait for it at most; none is no error.
        """
        try:
            self._producer.list_topics(timeout=seconds)
        except KafkaException:
            return
        self._note_reachable()

    def flush(self, seconds: float) -> int:
        """Wait until all is delivered, what waits for room included; return how many messages are not.

        Nothing else may use the outbox meanwhile.

        Args:
            seconds: How long at most.
        """
        end = time.monotonic() + seconds
        self._settled_at = end  # nothing new comes, so there is no need to hold anything back
        while True:
            self._holding_until = None
            self.work()
            left = int(self._producer.flush(max(0.0, min(FLUSH_STEP, end - time.monotonic()))))
            if self._all_delivered():
                self._settle(time.monotonic())
                return 0
            if self.failure is not None or time.monotonic() >= end:
                return left + len(self._waiting) + self._undelivered

    def _connect(self) -> Producer:
        return Producer(
            {
                **CLIENT,
                "bootstrap.servers": self._bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 0.5,
                "message.timeout.ms": 0,  # never give up by yourself
                "retry.backoff.ms": 50,
                "retry.backoff.max.ms": 500,
                "queue.buffering.max.messages": self._queue,
                "queue.buffering.max.kbytes": 131_072,
                "message.max.bytes": LARGEST,
                "batch.num.messages": 5_000,
                "partitioner": "murmur2_random",  # the same as Java clients use
                "delivery.report.only.error": True,
                "statistics.interval.ms": STATISTICS_EVERY_MS,
                "stats_cb": self._on_statistics,
                "error_cb": self._on_error,
            }
        )

    def _look_at_silence(self, now: float) -> None:
        """The client has had no broker for a while: say so, and if there is one, take another client.

        It had the time between two looks to find the broker by itself; a new one cannot know whether a message arrived
        whose answer is outstanding.
        """
        self._connected_at = now
        self._note_unreachable("no broker is connected")
        if self._looks and self._listened == self._looks:
            self._replace_client()
        self._looks += 1
        # Finding an address may take long, and the loop has other things to do.
        threading.Thread(target=self._listen, args=(self._looks,), name="broker-look", daemon=True).start()

    def _listen(self, look: int) -> None:
        if _listens(self._bootstrap):
            self._listened = look

    def _replace_client(self) -> None:
        """Hand all that was not delivered to a new client, before what waits already."""
        undelivered = self._taken_back = deque()
        self._producer.purge()
        self._producer.poll(0)
        self._taken_back = None
        self._waiting.extendleft(reversed(undelivered))
        self._behind = bool(self._waiting)
        self._producer = self._connect()
        self._produce = self._producer.produce
        self._log.warning("kafka_client_replaced", messages=len(undelivered))

    def _all_delivered(self) -> bool:
        """Tell whether all that was handed over has arrived, so that nothing older is on its way or waits."""
        if self._undelivered or self.failure is not None or len(self._producer):
            return False
        return not self._waiting or (self._holding_until is not None and not self._went_back)

    def _settle(self, now: float) -> None:
        """Note that all that was handed over has arrived, of whatever partition it is."""
        self.settled, self._settled_at, self._holding_until = self.handed_over, now, None

    def _wait(self, message: Outgoing) -> None:
        self._waiting.append(message)
        self._behind = True
        self._ask_to_pause()

    def _ask_to_pause(self) -> None:
        if not self._asked_to_pause:
            self._asked_to_pause = True
            self._counts.congestions += 1
            self._on_congestion(True)

    def _move_on(self) -> None:
        while self._waiting:
            message = self._waiting[0]
            try:
                self._produce(
                    message.topic,
                    message.value,
                    message.key,
                    headers=message.headers,
                    on_delivery=self._noting(message.headers),
                )
            except BufferError:
                self._ask_to_pause()
                return
            except KafkaException as refusal:
                self._waiting.popleft()
                self._refused(message, refusal.args[0])
            else:
                self._waiting.popleft()
                self.handed_over += 1
        self._behind = self._went_back = False
        if self._asked_to_pause:
            self._asked_to_pause = False
            self._on_congestion(False)

    def _refused(self, message: Outgoing, error: KafkaError) -> None:
        """Send the beginning of what is too large; any other refusal is for good, and nothing more can be promised."""
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE and len(message.value) > BEGINNING:
            told = ("truncated", str(len(message.value)).encode())
            self.send(message.topic, message.key, message.value[:BEGINNING], [*message.headers, told])
            return
        self.handed_over += 1
        self._undelivered += 1
        if self.failure is None:
            self._log.error("message_refused", topic=message.topic, reason=str(error))
            self.failure = error

    def _noting(self, headers: Headers | None) -> Callable[[KafkaError | None, Message], None]:
        """Return what to call about a message; the client does not give the headers back."""
        return partial(self._on_failure, headers=headers) if headers else self._on_failure

    def _on_failure(self, error: KafkaError | None, message: Message, headers: Headers | None = None) -> None:
        if error is None:
            return
        topic, value = message.topic(), message.value()
        assert topic is not None
        assert value is not None
        outgoing = Outgoing(topic, message.key(), value, headers or [])
        if self._taken_back is not None:
            self.handed_over -= 1
            self._taken_back.append(outgoing)
            return
        self._log.warning("delivery_failed", topic=topic, reason=str(error))
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 - a public constant
            self._undelivered += 1
            self.failure = error
            return
        self.handed_over -= 1
        self._went_back = self._behind
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            self._refused(outgoing, error)
            return
        self._counts.delivery_retries += 1
        self.send(*outgoing)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self.failure = error
        elif error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - a public constant
            self._note_unreachable(error.str())

    def _on_statistics(self, text: str) -> None:
        self._counts.delivered = self.delivered
        if self.delivered != self._acknowledged or self.accepted == self.delivered:
            self._acknowledged, self._acknowledged_at = self.delivered, time.monotonic()
        self._counts.queued = self.accepted - self.delivered
        up = any(broker.state == "UP" for broker in self._read_statistics(text).brokers.values())
        if up:
            self._note_reachable()

    def _note_unreachable(self, reason: str) -> None:
        if self._reachable.is_set():
            self._reachable.clear()
            self._log.warning("kafka_unreachable", reason=reason)

    def _note_reachable(self) -> None:
        self._connected_at, self._listened = time.monotonic(), -1
        if not self._reachable.is_set():
            self._reachable.set()
            self._log.info("kafka_reachable")


def _listens(bootstrap: str) -> bool:
    """Tell whether a connection to any of the addresses is taken."""
    for address in bootstrap.split(","):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), LISTENS_WITHIN).close()
        except OSError:
            continue
        return True
    return False
