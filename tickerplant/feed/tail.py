"""What is on the trades topic already: read at the start, to know from which ids on trades may be missing."""

import time
from collections.abc import Mapping
from contextlib import closing

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition

from tickerplant.feed.coverage import Coverage
from tickerplant.feed.kafka import CLIENT

DEPTH = 20_000
DEEPER = 4
DEEPEST = 320_000
BATCH = 10_000
ASK_WITHIN = 10.0
IDLE_WITHIN = 10.0


class _Key(msgspec.Struct, gc=False):
    symbol: str
    trade_id: int


def read_tail(bootstrap: str, topic: str, coverage: Mapping[str, Coverage]) -> int:
    """Bring the coverage up to date with the last records of each partition; return how many were read.

    What is known already (from a checkpoint) is built upon. Of a symbol about which nothing is known, the first
    id found becomes the start; while there is such a symbol, it looks further back, up to a limit.

    Raises:
        KafkaException: The broker does not answer.
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
        bounds = {
            number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=ASK_WITHIN)
            for number in partitions
        }
        depth = DEPTH
        while True:
            starts = {number: max(low, high - depth) for number, (low, high) in bounds.items()}
            records = _read(consumer, topic, starts, bounds)
            unknown = any(each.next is None and symbol not in records for symbol, each in coverage.items())
            whole = all(starts[number] == low for number, (low, _) in bounds.items())
            if not unknown or whole or depth * DEEPER > DEEPEST:
                break
            depth *= DEEPER
    now = time.monotonic()
    for symbol, ids in records.items():
        if symbol in coverage:
            for trade_id in ids:
                coverage[symbol].see(trade_id, now)
    return sum(map(len, records.values()))


def _read(
    consumer: Consumer, topic: str, starts: dict[int, int], bounds: dict[int, tuple[int, int]]
) -> dict[str, list[int]]:
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
