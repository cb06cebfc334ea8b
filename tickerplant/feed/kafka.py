"""The way into Kafka: topics that exist, and an outbox that loses nothing and never blocks the event loop."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined] # it is not in its __all__

from tickerplant.feed.counts import Counts
from tickerplant.service import Log

STATISTICS_EVERY_MS = 500
ASK_WITHIN = 5.0
FLUSH_STEP = 0.1

# As large as what the broker takes; the client itself stops at 1,000,000 bytes unless told otherwise.
LARGEST = 2_097_152
# A message as large as that has no room left for its headers: so much of it is kept.
BEGINNING = 65_536

# Under a steady flow there is always something on its way. So that it is known now and then that all has arrived, new
# messages wait for those before them: once in so many seconds, and for no longer than a moment.
SETTLE_EVERY = 30.0
SETTLE_WITHIN = 0.05

# Quick to come back after the broker was away, and silent about it: `error_cb` tells us once.
CLIENT = {
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 100,
    "socket.nagle.disable": True,
    "log_level": 0,
}

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


def create_topics(
    bootstrap: str, partitions: dict[str, int], log: Log, stopping: Callable[[float], bool]
) -> bool:
    """Create the topics that do not exist yet, waiting for the broker as long as it takes.

    Args:
        bootstrap: The broker's address.
        partitions: Topic -> number of partitions.
        log: Told when the broker lets us wait.
        stopping: Waits for some seconds; tells whether the service shall end.

    Returns:
        False when the service was asked to end before the broker answered.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap, **CLIENT}, logger=None)
    told = False
    while True:
        wanted = [NewTopic(topic, number, 1) for topic, number in partitions.items()]
        try:
            admin.list_topics(timeout=1)
            for future in admin.create_topics(wanted, request_timeout=ASK_WITHIN).values():
                while not future.done():
                    if stopping(0.01):
                        return False
                _accept_existing(future.exception())
        except KafkaException as error:
            if not told:
                log.info("waiting_for_kafka", bootstrap=bootstrap, reason=str(error))
                told = True
            if stopping(0.05):
                return False
        else:
            return True


def _accept_existing(error: BaseException | None) -> None:
    exists = isinstance(error, KafkaException) and error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS
    if error is not None and not exists:
        raise error


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
        self._producer = Producer(
            {
                **CLIENT,
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 0.5,
                "message.timeout.ms": 0,  # never give up by yourself
                "retry.backoff.ms": 50,
                "retry.backoff.max.ms": 500,
                "queue.buffering.max.messages": queue,
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
        self._produce = self._producer.produce
        self._read_statistics = msgspec.json.Decoder(_Statistics).decode
        self._reachable.set()

    def send(self, topic: str, key: bytes | None, value: bytes, headers: Headers | None = None) -> None:
        """Take one message; it is never dropped. Of one that is too large for Kafka, the beginning is sent."""
        if self._behind:
            self._waiting.append(Outgoing(topic, key, value, headers or []))
            return
        try:
            self._produce(topic, value, key, headers=headers or [], on_delivery=self._on_failure)
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
                    on_delivery=self._on_failure,
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

    def _on_failure(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            return
        if error.code() in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT):  # noqa: SLF001 - public constants
            self._undelivered += 1
            return
        topic, value, headers = message.topic(), message.value(), message.headers()
        self._log.warning("delivery_failed", topic=topic, reason=str(error))
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 - a public constant
            self._undelivered += 1
            self.failure = error
            return
        assert topic is not None
        assert value is not None
        assert not isinstance(headers, dict)
        self.handed_over -= 1
        self._went_back = self._behind
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            self._refused(Outgoing(topic, message.key(), value, headers or []), error)
            return
        self._counts.delivery_retries += 1
        self.send(topic, message.key(), value, headers)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self.failure = error
        elif error.code() == KafkaError._ALL_BROKERS_DOWN and self._reachable.is_set():  # noqa: SLF001 - a public constant
            self._reachable.clear()
            self._log.warning("kafka_unreachable", reason=error.str())

    def _on_statistics(self, text: str) -> None:
        self._counts.delivered = self.delivered
        self._counts.queued = self.accepted - self.delivered
        up = any(broker.state == "UP" for broker in self._read_statistics(text).brokers.values())
        if up:
            self._note_reachable()

    def _note_reachable(self) -> None:
        if not self._reachable.is_set():
            self._reachable.set()
            self._log.info("kafka_reachable")


class Publisher:
    """Puts trades on their topic, keyed by symbol so that each symbol keeps its order."""

    def __init__(self, outbox: Outbox, topic: str, symbols: Sequence[str], counts: Counts) -> None:
        self._send = outbox.send
        self._topic = topic
        self._keys = {symbol: symbol.encode() for symbol in symbols}
        self._encode = msgspec.json.Encoder().encode
        self._counts = counts.trades

    def publish(self, trade: Any) -> None:  # noqa: ANN401 - a Trade; a defect may hand over another struct
        """Put one trade on the topic."""
        self._send(self._topic, self._keys[trade.symbol], self._encode(trade))
        self._counts[trade.source] += 1


class DeadLetters:
    """Sets aside what cannot be taken, with its bytes, the reason and where it came from."""

    def __init__(self, outbox: Outbox, topic: str, counts: Counts) -> None:
        self._outbox = outbox
        self._topic = topic
        self._counts = counts

    def put(
        self, payload: bytes, *, reason: str, position: str, received_us: int, source: str = "ws"
    ) -> None:
        """Set one frame of the stream, or one row of the history, aside."""
        self._counts.dead_letters[reason] += 1
        headers: Headers = [
            ("reason", reason.encode()),
            ("source", source.encode()),
            ("position", position.encode()),
            ("received_us", str(received_us).encode()),
        ]
        self._outbox.send(self._topic, None, payload, headers)


class GapReporter:
    """Tells the world which trades are missing for good: by topic, by metric and by log."""

    def __init__(self, outbox: Outbox, topic: str, counts: Counts, log: Log) -> None:
        self._outbox = outbox
        self._topic = topic
        self._counts = counts
        self._log = log

    def report(self, symbol: str, first: int, last: int, *, detected_us: int, reason: str) -> None:
        """Report the ids `first` to `last`, both included, of a symbol."""
        self._counts.unrepaired[symbol] += 1
        self._counts.missing += last - first + 1
        self._log.warning("gap_unrepaired", symbol=symbol, first_id=first, last_id=last, reason=reason)
        record = {
            "symbol": symbol,
            "first_id": first,
            "last_id": last,
            "detected_time_us": detected_us,
            "reason": reason,
        }
        self._outbox.send(self._topic, symbol.encode(), msgspec.json.encode(record))
