"""What the feed learns from the trades topic at its start, read from a topic in memory."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from tickerplant.feed import tail as module
from tickerplant.feed.coverage import Coverage
from tickerplant.feed.tail import StoppedError, Tail, read_tail


def record(symbol: str, trade_id: int) -> bytes:
    return b'{"symbol":"%s","trade_id":%d,"price":"1"}' % (symbol.encode(), trade_id)


class Message:
    def __init__(self, partition: int, offset: int, value: bytes | None) -> None:
        self._place, self._value = (partition, offset), value

    def error(self) -> None:
        return None

    def partition(self) -> int:
        return self._place[0]

    def offset(self) -> int:
        return self._place[1]

    def value(self) -> bytes | None:
        return self._value


class Topic:
    """Records by partition; an offset is a place in the list, and a record's time is its offset in seconds."""

    def __init__(self) -> None:
        self.records: dict[int, list[bytes | None]] = {0: [], 1: []}
        self.read_from: list[dict[int, int]] = []
        self.refusals = 0
        self.closed = False

    def consumer(self, _settings: object) -> "Topic":
        return self

    def _answer(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    def list_topics(self, topic: str, timeout: float) -> Any:
        assert timeout <= 1
        self._answer()
        return SimpleNamespace(topics={topic: SimpleNamespace(partitions=self.records)})

    def get_watermark_offsets(self, partition: TopicPartition, timeout: float) -> tuple[int, int]:
        assert timeout <= 1
        self._answer()
        return 0, len(self.records[partition.partition])

    def offsets_for_times(self, asked: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        assert timeout <= 1
        self._answer()
        return [
            TopicPartition(each.topic, each.partition, at if at < len(self.records[each.partition]) else -1)
            for each in asked
            for at in [each.offset // 1000]
        ]

    def assign(self, wanted: list[TopicPartition]) -> None:
        self.read_from.append({each.partition: each.offset for each in wanted})
        self._left = self._messages({each.partition: each.offset for each in wanted})

    def _messages(self, starts: dict[int, int]) -> Iterator[Message]:
        for number, start in starts.items():
            for offset, value in enumerate(self.records[number][start:], start):
                yield Message(number, offset, value)

    def consume(self, number: int, timeout: float) -> list[Message]:
        assert timeout <= 1
        return [message for _, message in zip(range(min(number, 3)), self._left, strict=False)]

    def unassign(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    topic = Topic()
    monkeypatch.setattr(module, "Consumer", topic.consumer)
    return topic


@pytest.fixture
def coverage() -> dict[str, Coverage]:
    return {"A": Coverage(), "B": Coverage()}


Read = Callable[..., Tail]


@pytest.fixture
def read(topic: Topic, coverage: dict[str, Coverage]) -> Iterator[Read]:
    yield lambda **settings: read_tail("", "trades", coverage, **settings)
    assert topic.closed


def holes(coverage: Coverage) -> list[tuple[int, int]]:
    return [(hole.first, hole.last) for hole in coverage.holes]


def test_an_empty_topic_tells_nothing(read: Read, coverage: dict[str, Coverage]) -> None:
    assert len(read()) == 0
    assert coverage["A"].next is None


def test_without_a_checkpoint_the_first_id_found_is_the_start(
    topic: Topic, read: Read, coverage: dict[str, Coverage]
) -> None:
    topic.records[0] = [record("A", number) for number in (5, 6, 9)]
    topic.records[1] = [record("B", 2), record("OTHER", 1)]
    assert len(read()) == 5
    assert (coverage["A"].floor, coverage["A"].next, holes(coverage["A"])) == (5, 10, [(7, 8)])
    assert (coverage["B"].floor, coverage["B"].next) == (2, 3)


def test_it_looks_further_back_for_a_quiet_symbol(
    topic: Topic, read: Read, coverage: dict[str, Coverage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DEPTH", 2)
    monkeypatch.setattr(module, "DEEPEST", 1000)
    topic.records[0] = [record("B", 1), *(record("A", number) for number in range(10, 19))]
    read()
    assert [start[0] for start in topic.read_from] == [8, 2, 0]
    assert (coverage["A"].floor, coverage["B"].next) == (10, 2)


def test_it_does_not_look_back_forever(
    topic: Topic, read: Read, coverage: dict[str, Coverage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DEPTH", 2)
    monkeypatch.setattr(module, "DEEPEST", 10)
    topic.records[0] = [record("A", number) for number in range(100)]
    read()
    assert [start[0] for start in topic.read_from] == [98, 92]
    assert (coverage["A"].floor, coverage["B"].next) == (92, None)


def test_with_a_checkpoint_what_came_since_is_read(
    topic: Topic, read: Read, coverage: dict[str, Coverage]
) -> None:
    coverage["A"].see(3, 0)
    topic.records[0] = [record("A", number) for number in (1, 2, 3, 5)]
    topic.records[1] = [record("B", 1)]
    read(since_us=2_000_000)
    assert topic.read_from == [{0: 2}]
    assert (coverage["A"].next, holes(coverage["A"])) == (6, [(4, 4)])
    assert coverage["B"].next is None


@pytest.mark.parametrize(
    "bad",
    [b"nonsense", b"", None, b'{"symbol":1,"trade_id":2}', b"{}", b'{"symbol":"\xff","trade_id":2}'],
    ids=["no-json", "empty", "no-value", "wrong-type", "no-fields", "no-text"],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_record_that_is_no_trade_is_counted_and_passed_over(
    topic: Topic, read: Read, coverage: dict[str, Coverage], bad: bytes | None, place: int
) -> None:
    topic.records[0] = [record("A", 1), record("A", 2)]
    topic.records[0].insert(place, bad)
    tail = read()
    assert (len(tail), tail.unreadable) == (2, 1)
    assert (coverage["A"].next, coverage["A"].holes) == (3, [])


def test_a_broker_that_is_not_ready_yet_is_asked_again(topic: Topic, read: Read) -> None:
    topic.refusals = 3
    topic.records[0] = [record("A", 1)]
    assert len(read()) == 1


def test_a_broker_that_does_not_answer_is_told_of(
    topic: Topic, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ASK_WITHIN", 0.0)
    topic.refusals = 10**6
    with pytest.raises(TimeoutError, match="does not tell how far trades goes"):
        read()


def test_records_that_never_come_are_told_of(
    topic: Topic, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_WITHIN", 0.0)
    topic.records[0] = [record("A", 1)]
    monkeypatch.setattr(topic, "consume", lambda *_, **__: [])
    with pytest.raises(TimeoutError, match="gave no more of trades"):
        read()


@pytest.mark.parametrize("questions", range(5))
def test_a_wish_to_end_is_heard_while_it_reads(
    topic: Topic, read: Read, coverage: dict[str, Coverage], questions: int
) -> None:
    topic.records[0] = [record("A", number) for number in range(100)]
    asked = iter(range(100))
    with pytest.raises(StoppedError):
        read(stopping=lambda: next(asked) >= questions)
    assert coverage["A"].next is None
