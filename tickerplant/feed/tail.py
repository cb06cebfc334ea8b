"""What is on the trades topic already: read at the start, to know from which ids on trades may be missing."""

import time
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from contextlib import closing

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from tickerplant.feed.coverage import Coverage
from tickerplant.feed.kafka import CLIENT

DEPTH = 20_000
DEEPER = 4
DEEPEST = 320_000
BATCH = 10_000
ASK_WITHIN = 10.0
IDLE_WITHIN = 10.0

Bounds = dict[int, tuple[int, int]]
"""Partition -> its first and its next offset."""
_NOT_YET = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._TRANSPORT,  # noqa: SLF001 - the client's own public name
    KafkaError._TIMED_OUT,  # noqa: SLF001 - same
}


class _Key(msgspec.Struct, gc=False):
    symbol: str
    trade_id: int


def read_tail(
    bootstrap: str, topic: str, coverage: Mapping[str, Coverage], *, since_us: int | None = None
) -> int:
    """Bring the coverage up to date with the newest records of the topic; return how many were read.

    Args:
        bootstrap: The broker's address.
        topic: The trades topic.
        coverage: What is known already, from a checkpoint; brought up to date here.
        since_us: When the checkpoint was taken: what was produced since then is read. Without one, the last records
            of each partition are, and the first id found of a symbol becomes its start; while nothing is found of
            a symbol, it looks further back, up to a limit.

    Raises:
        KafkaException: The broker refuses.
        TimeoutError: The broker does not answer.
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
        partitions = consumer.list_topics(topic, timeout=ASK_WITHIN).topics[topic].partitions
        bounds = {number: _bounds(consumer, TopicPartition(topic, number)) for number in partitions}
        if since_us is not None:
            records = _read(consumer, topic, _starts_at(consumer, topic, bounds, since_us), bounds)
        else:
            records = _read_back(consumer, topic, bounds, set(coverage))
    now = time.monotonic()
    for symbol, ids in records.items():
        if symbol in coverage:
            for trade_id in ids:
                coverage[symbol].see(trade_id, now)
    return sum(map(len, records.values()))


def _starts_at(consumer: Consumer, topic: str, bounds: Bounds, since_us: int) -> dict[int, int]:
    """Return the first offset of each partition whose record is not older than the given time."""
    asked = [TopicPartition(topic, number, since_us // 1000) for number in bounds]
    found = consumer.offsets_for_times(asked, timeout=ASK_WITHIN)
    # A partition without such a record answers with -1.
    return {each.partition: each.offset if each.offset >= 0 else bounds[each.partition][1] for each in found}


def _read_back(
    consumer: Consumer, topic: str, bounds: Bounds, symbols: AbstractSet[str]
) -> dict[str, list[int]]:
    depth = DEPTH
    while True:
        starts = {number: max(low, high - depth) for number, (low, high) in bounds.items()}
        records = _read(consumer, topic, starts, bounds)
        whole = all(starts[number] == low for number, (low, _) in bounds.items())
        if whole or symbols <= records.keys() or depth * DEEPER > DEEPEST:
            return records
        depth *= DEEPER


def _bounds(consumer: Consumer, partition: TopicPartition) -> tuple[int, int]:
    """Return the first and the next offset; a topic made a moment ago may still look for its leader."""
    end = time.monotonic() + ASK_WITHIN
    while True:
        try:
            low, high = consumer.get_watermark_offsets(partition, timeout=ASK_WITHIN)
        except KafkaException as error:
            if time.monotonic() > end:
                raise TimeoutError(f"Kafka does not tell how far {partition.topic} goes: {error}.") from error
            time.sleep(0.01)
        else:
            return low, high


def _read(consumer: Consumer, topic: str, starts: dict[int, int], bounds: Bounds) -> dict[str, list[int]]:
    left = {number: bounds[number][1] - start for number, start in starts.items()}
    wanted = [TopicPartition(topic, number, starts[number]) for number, count in left.items() if count > 0]
    found: dict[str, list[int]] = {}
    if not wanted:
        return found
    consumer.assign(wanted)
    decode = msgspec.json.Decoder(_Key).decode
    heard = time.monotonic()
    while any(count > 0 for count in left.values()):
        messages = consumer.consume(min(BATCH, sum(left.values())), timeout=0.1)
        if messages:
            heard = time.monotonic()
        elif time.monotonic() - heard > IDLE_WITHIN:
            raise TimeoutError(f"Kafka gave no more of {topic} for {IDLE_WITHIN:g} s.")
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            number, offset, value = message.partition(), message.offset(), message.value()
            assert number is not None
            assert offset is not None
            if left[number] > 0 and value is not None:
                left[number] = bounds[number][1] - offset - 1
                key = decode(value)
                found.setdefault(key.symbol, []).append(key.trade_id)
    consumer.unassign()
    return found
