"""Where messages come from, without a broker."""

import io
from types import SimpleNamespace
from typing import Any

import confluent_kafka as kafka
import pytest

from tickerplant.service import Log
from tickerplant.writer.source import KafkaSource


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
