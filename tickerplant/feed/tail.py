"""What is on the trades topic already: read at the start, to know from which ids on trades may be missing."""

import time
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition

from tickerplant.feed.coverage import Coverage
from tickerplant.feed.kafka import CLIENT

DEPTH = 20_000
DEEPER = 4
DEEPEST = 320_000
BATCH = 10_000
ASK_WITHIN = 10.0
ASK_EVERY = 1.0
IDLE_WITHIN = 10.0

Bounds = dict[int, tuple[int, int]]
"""Partition -> its first and its next offset."""
T = TypeVar("T")


class _Key(msgspec.Struct, gc=False):
    symbol: str
    trade_id: int


@dataclass
class Tail:
    """What was found: ids by symbol in the order of the topic, and how many records could not be understood."""

    ids: dict[str, list[int]] = field(default_factory=dict)
    unreadable: int = 0

    def __len__(self) -> int:
        return sum(map(len, self.ids.values()))


class StoppedError(Exception):
    """The feed was asked to end before all was read."""


def read_tail(
    bootstrap: str,
    topic: str,
    coverage: Mapping[str, Coverage],
    *,
    since_us: int | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Tail:
    """Bring the coverage up to date with the newest records of the topic; return what was read.

    Args:
        bootstrap: The broker's address.
        topic: The trades topic.
        coverage: What is known already, from a checkpoint; brought up to date here.
        since_us: When the checkpoint was taken: what was produced since then is read. Without one, the last records
            of each partition are, and the first id found of a symbol becomes its start; while nothing is found of
            a symbol, it looks further back, up to a limit.
        stopping: Tells whether the feed shall end.

    Raises:
        KafkaException: The broker refuses.
        TimeoutError: The broker does not answer.
        StoppedError: The feed shall end; the coverage is as before.
    """
    consumer = Consumer(
        {
            **CLIENT,
            "bootstrap.servers": bootstrap,
            "group.id": "feed",  # demanded by the client; no group is ever joined
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,
            "queued.max.messages.kbytes": 16_384,
        }
    )
    with closing(consumer):
        tail = _Reader(consumer, topic, stopping).read(set(coverage), since_us)
    now = time.monotonic()
    for symbol, ids in tail.ids.items():
        if symbol in coverage:
            for trade_id in ids:
                coverage[symbol].see(trade_id, now)
    return tail


class _Reader:
    """Reads the end of one topic, and gives up within a second when the feed shall end."""

    def __init__(self, consumer: Consumer, topic: str, stopping: Callable[[], bool]) -> None:
        self._consumer = consumer
        self._topic = topic
        self._stopping = stopping
        self._decode = msgspec.json.Decoder(_Key).decode

    def read(self, symbols: AbstractSet[str], since_us: int | None) -> Tail:
        topics = self._answer(lambda: self._consumer.list_topics(self._topic, timeout=ASK_EVERY)).topics
        bounds = {number: self._bounds(number) for number in topics[self._topic].partitions}
        if since_us is not None:
            return self._between(self._starts_at(bounds, since_us), bounds)
        return self._back(bounds, symbols)

    def _answer(self, ask: Callable[[], T]) -> T:
        """Ask again for a while; a topic made a moment ago may still look for its leader."""
        end = time.monotonic() + ASK_WITHIN
        while True:
            if self._stopping():
                raise StoppedError
            try:
                return ask()
            except KafkaException as error:
                if time.monotonic() > end:
                    raise TimeoutError(f"Kafka does not tell how far {self._topic} goes: {error}.") from error
                time.sleep(0.01)

    def _bounds(self, number: int) -> tuple[int, int]:
        """Return the first and the next offset."""
        partition = TopicPartition(self._topic, number)
        return self._answer(lambda: self._consumer.get_watermark_offsets(partition, timeout=ASK_EVERY))

    def _starts_at(self, bounds: Bounds, since_us: int) -> dict[int, int]:
        """Return the first offset of each partition whose record is not older than the given time."""
        asked = [TopicPartition(self._topic, number, since_us // 1000) for number in bounds]
        found = self._answer(lambda: self._consumer.offsets_for_times(asked, timeout=ASK_EVERY))
        # A partition without such a record answers with -1.
        return {
            each.partition: each.offset if each.offset >= 0 else bounds[each.partition][1] for each in found
        }

    def _back(self, bounds: Bounds, symbols: AbstractSet[str]) -> Tail:
        depth = DEPTH
        while True:
            starts = {number: max(low, high - depth) for number, (low, high) in bounds.items()}
            tail = self._between(starts, bounds)
            whole = all(starts[number] == low for number, (low, _) in bounds.items())
            if whole or symbols <= tail.ids.keys() or depth * DEEPER > DEEPEST:
                return tail
            depth *= DEEPER

    def _between(self, starts: dict[int, int], bounds: Bounds) -> Tail:
        left = {number: bounds[number][1] - start for number, start in starts.items()}
        wanted = [
            TopicPartition(self._topic, number, starts[number]) for number, count in left.items() if count > 0
        ]
        tail = Tail()
        if not wanted:
            return tail
        self._consumer.assign(wanted)
        heard = time.monotonic()
        while any(count > 0 for count in left.values()):
            if self._stopping():
                raise StoppedError
            messages = self._consumer.consume(min(BATCH, max(1, sum(left.values()))), timeout=0.1)
            if messages:
                heard = time.monotonic()
            elif time.monotonic() - heard > IDLE_WITHIN:
                raise TimeoutError(f"Kafka gave no more of {self._topic} for {IDLE_WITHIN:g} s.")
            for message in messages:
                if message.error():
                    raise KafkaException(message.error())
                number, offset = message.partition(), message.offset()
                assert number is not None
                assert offset is not None
                if left[number] > 0:
                    left[number] = bounds[number][1] - offset - 1
                    self._note(message.value(), tail)
        self._consumer.unassign()
        return tail

    def _note(self, value: bytes | None, tail: Tail) -> None:
        """Take the id of a record; one that is no trade must not keep the feed from its work."""
        try:
            key = self._decode(value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError):
            tail.unreadable += 1
        else:
            tail.ids.setdefault(key.symbol, []).append(key.trade_id)
