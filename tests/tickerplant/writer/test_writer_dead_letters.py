"""Dead letters of any size, against a producer that refuses as librdkafka and the broker do."""

from collections.abc import Callable
from typing import Any

import confluent_kafka as kafka
import pytest

from tickerplant.writer.dead_letters import DeadLetters, NotDeliveredError
from tickerplant.writer.decode import Reject

TOO_LARGE = kafka.KafkaError(kafka.KafkaError.MSG_SIZE_TOO_LARGE)


class FakeProducer:
    """Takes messages up to what it was told, and the broker behind it those up to `broker_takes`."""

    made: "list[FakeProducer]" = []  # noqa: RUF012 - the test empties it
    broker_takes = 2_097_152

    def __init__(self, settings: dict[str, Any]) -> None:
        self.takes = settings.get("message.max.bytes", 1_000_000)
        self.letters: list[tuple[bytes, dict[str, str]]] = []
        self.waiting: list[Callable[[], None]] = []
        self.made.append(self)

    def produce(
        self, _topic: str, *, value: bytes, headers: dict[str, str], on_delivery: Callable[[Any, Any], None]
    ) -> None:
        size = len(value) + sum(len(name) + len(text) for name, text in headers.items())
        if size > self.takes:
            raise kafka.KafkaException(TOO_LARGE)
        if size + 100 > self.broker_takes:
            self.waiting.append(lambda: on_delivery(TOO_LARGE, None))
        else:
            self.letters.append((value, headers))
            self.waiting.append(lambda: on_delivery(None, None))

    def poll(self, _seconds: float) -> None:
        pass

    def flush(self, _seconds: float) -> int:
        for tell in self.waiting:
            tell()
        self.waiting.clear()
        return 0


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> type[FakeProducer]:
    monkeypatch.setattr(kafka, "Producer", FakeProducer)
    monkeypatch.setattr(FakeProducer, "made", [])
    return FakeProducer


def sent(*sizes: int) -> list[tuple[int, str | None]]:
    """Send letters of these sizes; return the size of each that arrived, and what `truncated` says."""
    rejects = [Reject("not-json", b"x" * size, 0, number) for number, size in enumerate(sizes)]
    DeadLetters("nowhere", "dead", "trades").send(rejects)
    (producer,) = FakeProducer.made
    by_position = sorted(producer.letters, key=lambda letter: letter[1]["position"])
    assert [headers["position"] for _, headers in by_position] == [f"trades/0/{n}" for n in range(len(sizes))]
    return [(len(value), headers.get("truncated")) for value, headers in by_position]


@pytest.mark.usefixtures("producer")
def test_a_letter_as_large_as_its_message_may_be_is_kept_whole() -> None:
    assert sent(10, 999_990, 1_048_576, 2_096_000) == [
        (10, None),
        (999_990, None),
        (1_048_576, None),
        (2_096_000, None),
    ]


@pytest.mark.usefixtures("producer")
@pytest.mark.parametrize("size", [2_097_000, 2_097_050, 2_097_152, 3_000_000])
def test_of_a_larger_one_the_beginning_is_kept_and_its_size_told(size: int) -> None:
    assert sent(10, size, 20) == [(10, None), (65_536, str(size)), (20, None)]


def test_a_topic_that_takes_less_gets_beginnings(
    producer: type[FakeProducer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer, "broker_takes", 1_000_000)
    assert sent(1_200_000, 900_000) == [(65_536, "1200000"), (900_000, None)]


def test_a_topic_that_takes_nothing_stops_the_batch(
    producer: type[FakeProducer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer, "broker_takes", 0)
    with pytest.raises(NotDeliveredError, match="the topic dead takes no dead letter of 65536 bytes"):
        sent(10)
