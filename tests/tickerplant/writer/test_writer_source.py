"""Where messages come from, without a broker."""

import io
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import confluent_kafka as kafka
import pytest

from tickerplant.service import Log
from tickerplant.writer.service import _kafka_trouble
from tickerplant.writer.source import KafkaSource
from tickerplant.writer.stall import StallWatch


class Late:
    """A client whose news of the time before the broker answered is only told when it is polled."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._tell = settings["error_cb"]
        self._news = [kafka.KafkaError(kafka.KafkaError._ALL_BROKERS_DOWN)]

    def list_topics(self, topic: str, **_: float) -> SimpleNamespace:
        found = SimpleNamespace(error=None, partitions={0: None})
        return SimpleNamespace(topics={topic: found})

    def assign(self, partitions: list[kafka.TopicPartition]) -> None:
        pass

    def poll(self, *_: float) -> None:
        while self._news:
            self._tell(self._news.pop())

    def consume(self, *_: float) -> list[kafka.Message]:
        self.poll(0)
        return []


def test_a_broker_that_has_answered_is_not_unreachable_by_old_news(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "Consumer", Late)
    source = KafkaSource("nowhere:1", "market.trades", Log("writer", stream=io.StringIO()))
    source.start({})
    assert source.unreachable is None
    monkeypatch.setattr(source, "_look_again", lambda: None)
    source.poll(1, 0)
    assert source.unreachable is None


class Stuck:
    """A client that reads nothing, whatever there is; the ends are those of the class, or no answer comes."""

    made: list["Stuck"]
    ends: Mapping[int, int] | None

    def __init__(self, _settings: dict[str, Any]) -> None:
        self.assigned: dict[int, int] = {}
        self.closed = False
        self.made.append(self)

    def list_topics(self, topic: str, **_: float) -> SimpleNamespace:
        if self.ends is None:
            raise kafka.KafkaException(kafka.KafkaError(kafka.KafkaError._TRANSPORT))
        found = SimpleNamespace(error=None, partitions=dict.fromkeys(self.ends))
        return SimpleNamespace(topics={topic: found})

    def offsets_for_times(self, asked: list[kafka.TopicPartition], **_: float) -> list[kafka.TopicPartition]:
        if self.ends is None:
            raise kafka.KafkaException(kafka.KafkaError(kafka.KafkaError._TIMED_OUT))
        return [
            kafka.TopicPartition(
                each.topic,
                each.partition,
                self.ends[each.partition] if each.offset == kafka.OFFSET_END else 0,
            )
            for each in asked
        ]

    def assign(self, partitions: list[kafka.TopicPartition]) -> None:
        self.assigned = {each.partition: each.offset for each in partitions}

    def poll(self, *_: float) -> None:
        pass

    def consume(self, *_: float) -> list[kafka.Message]:
        return []

    def close(self) -> None:
        self.closed = True


class Bench:
    """A source whose client is stuck, with a clock of our own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, ends: dict[int, int]) -> None:
        Stuck.made, Stuck.ends = [], ends
        monkeypatch.setattr(kafka, "Consumer", Stuck)
        self.now, self.log = 0.0, io.StringIO()
        self.source = KafkaSource(
            "nowhere:1", "market.trades", Log("writer", stream=self.log), clock=lambda: self.now
        )
        self.source.start({0: 5, 1: 7})

    def poll(self, *, at: float) -> None:
        self.now = at
        self.source.poll(10, 0)

    @property
    def trouble(self) -> str | None:
        return _kafka_trouble(SimpleNamespace(polling=True), self.source)  # type: ignore[arg-type]


def test_a_consumer_that_is_stuck_is_replaced_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, {0: 5, 1: 9})
    for second in range(1, 5):
        bench.poll(at=float(second))
    assert len(Stuck.made) == 1
    assert bench.trouble is None
    bench.poll(at=5.0)
    assert len(Stuck.made) == 2
    assert Stuck.made[1].assigned == {0: 5, 1: 7}
    assert bench.trouble == "2 messages wait at the broker, and none come."
    assert '"event":"consumer stuck"' in bench.log.getvalue()
    Stuck.ends = {0: 5, 1: 7}
    bench.poll(at=6.0)
    assert bench.trouble is None


def test_a_consumer_with_nothing_to_read_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, {0: 5, 1: 7})
    for second in range(0, 60, 2):
        bench.poll(at=float(second))
    assert len(Stuck.made) == 1
    assert bench.trouble is None


def test_a_consumer_that_gets_no_answers_is_replaced_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, {0: 5, 1: 7})
    Stuck.ends = None
    for second in (1, 2):
        bench.poll(at=float(second))
    assert bench.trouble is None
    bench.poll(at=3.0)
    assert bench.trouble == "The broker cannot be reached."
    assert len(Stuck.made) == 1
    bench.poll(at=6.0)
    assert len(Stuck.made) == 2
    assert bench.trouble == "The broker cannot be reached."
    Stuck.ends = {0: 5, 1: 7}
    bench.poll(at=6.1)
    assert bench.trouble is None
    assert '"event":"kafka reachable again"' in bench.log.getvalue()


def test_messages_that_come_at_last_end_a_suspicion() -> None:
    now = [0.0]
    watch = StallWatch(lambda: now[0], quiet=2.0, stuck=2.0)
    watch.begun([0])
    now[0] = 2.0
    assert watch.quiet() == [0]
    watch.put_off([0])
    assert not watch.looked({0: (5, 9)})
    assert watch.quiet() == []
    watch.heard([0])
    now[0] = 4.0
    assert not watch.looked({0: (9, 12)})
    now[0] = 6.0
    assert watch.looked({0: (9, 12)})
    assert watch.stuck == {0: 3}
    watch.begun([0])
    assert watch.stuck == {0: 3}
    watch.heard([0])
    assert watch.stuck == {}
