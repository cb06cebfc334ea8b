"""What a checkpoint may claim: only what has arrived in Kafka, whatever the partitions and the end."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from tickerplant.feed import outbox as module
from tickerplant.feed.checkpoint import Checkpoint
from tickerplant.feed.counts import Counts
from tickerplant.feed.coverage import Coverage
from tickerplant.feed.outbox import Outbox
from tickerplant.service import Log

LARGEST_FOR_CLIENT = 1_500_000


class Sent:
    """A message that the client has."""

    def __init__(self, topic: str, value: bytes, key: bytes | None, headers: Any, told: Any) -> None:
        self._topic, self._value, self._key, self._headers, self.told = topic, value, key, headers, told

    def topic(self) -> str:
        return self._topic

    def value(self) -> bytes:
        return self._value

    def key(self) -> bytes | None:
        return self._key

    def headers(self) -> Any:
        return self._headers


class Client:
    """A Kafka client with little room, whose messages arrive when the test says so."""

    room = 3

    def __init__(self, _settings: object) -> None:
        self.queue: list[Sent] = []
        self.arrived: list[Sent] = []
        self.arrives_when_flushed = True
        self.on_poll: Callable[[], None] = lambda: None

    def produce(
        self, topic: str, value: bytes, key: bytes | None, headers: object = None, on_delivery: object = None
    ) -> None:
        if len(value) > LARGEST_FOR_CLIENT:
            raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        if len(self.queue) >= self.room:
            raise BufferError
        self.queue.append(Sent(topic, value, key, headers, on_delivery))

    def poll(self, _seconds: float) -> int:
        self.on_poll()
        return 0

    def flush(self, _seconds: float) -> int:
        if self.arrives_when_flushed:
            self.arrive(lambda _: True)
        return len(self.queue)

    def __len__(self) -> int:
        return len(self.queue)

    def arrive(self, which: Callable[[Sent], bool]) -> None:
        self.arrived += [message for message in self.queue if which(message)]
        self.queue = [message for message in self.queue if not which(message)]

    def fail(self, error: KafkaError) -> None:
        message = self.queue.pop(0)
        message.told(error, message)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Scene:
    """An outbox that talks to such a client, the ids of two symbols, and a checkpoint."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch, room: int = 1000) -> None:
        monkeypatch.setattr(module, "Producer", Client)
        self.clock = Clock()
        monkeypatch.setattr(module, "time", self.clock)
        monkeypatch.setattr(module, "REPLACE_AFTER", float("inf"))
        monkeypatch.setattr(Client, "room", room)
        self.pressure: list[bool] = []
        self.log = io.StringIO()
        self.outbox = Outbox("", Counts(), Log("feed", stream=self.log), self.pressure.append)
        self.client: Any = self.outbox._producer
        self.coverage = {"A": Coverage(), "B": Coverage()}
        self._path = path
        self._checkpoint = Checkpoint(path, Log("feed", stream=self.log))

    def trade(self, symbol: str, *ids: int) -> None:
        for number in ids:
            self.coverage[symbol].see(number, 0)
            self.outbox.send("trades", symbol.encode(), str(number).encode())

    def save(self) -> None:
        self._checkpoint.save(self.coverage, self.outbox.accepted, self.outbox.settled)

    def claimed(self, symbol: str) -> int | None:
        """Say which id of a symbol the file claims to be the last that has arrived."""
        fresh = {"A": Coverage(), "B": Coverage()}
        Checkpoint(self._path, Log("feed", stream=self.log)).load(fresh)
        following = fresh[symbol].next
        return following - 1 if following is not None else None


Make = Callable[..., Scene]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    return lambda **changes: Scene(tmp_path / "checkpoint.json", monkeypatch, **changes)


def test_a_clean_stop_sends_what_waited_for_room(make: Make) -> None:
    scene = make(room=3)
    scene.trade("A", *range(1, 11))
    assert scene.outbox.congested
    assert scene.outbox.flush(5) == 0
    assert [message.value() for message in scene.client.arrived] == [b"%d" % n for n in range(1, 11)]
    scene.save()
    assert scene.claimed("A") == 10


def test_what_waits_for_room_is_not_claimed(make: Make) -> None:
    scene = make(room=3)
    scene.trade("A", *range(1, 11))
    scene.client.arrive(lambda _: True)  # the three that found room
    scene.save()
    scene.client.arrives_when_flushed = False
    assert scene.outbox.flush(0) == 7
    scene.save()
    assert scene.claimed("A") is None


def test_one_partition_that_is_ahead_does_not_vouch_for_another(make: Make) -> None:
    scene = make()
    scene.trade("A", *range(1, 101))
    scene.save()
    scene.trade("B", *range(1, 101))
    scene.client.arrive(lambda message: message.key() == b"B")
    scene.outbox.work()
    scene.save()
    assert scene.claimed("A") is None
    scene.client.arrive(lambda _: True)
    scene.outbox.work()
    scene.save()
    assert (scene.claimed("A"), scene.claimed("B")) == (100, 100)


@pytest.mark.parametrize(
    "error",
    [
        KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, "", fatal=True),
        KafkaError(KafkaError._FATAL),
    ],
    ids=["fatal", "after-a-fatal-one"],
)
def test_a_message_that_failed_for_good_is_never_claimed(make: Make, error: KafkaError) -> None:
    scene = make()
    scene.trade("A", 1)
    scene.client.arrive(lambda _: True)
    scene.outbox.work()
    scene.save()
    scene.trade("A", 2, 3)
    scene.client.fail(error)
    scene.client.arrive(lambda _: True)
    scene.outbox.work()
    scene.save()
    assert scene.outbox.flush(0) > 0
    scene.save()
    assert scene.claimed("A") == 1
    assert scene.outbox.delivered == 2


def test_a_message_that_failed_is_sent_again_and_claimed_then(make: Make) -> None:
    scene = make()
    scene.trade("A", 1, 2)
    scene.client.fail(KafkaError(KafkaError.NOT_ENOUGH_REPLICAS))
    scene.client.arrive(lambda message: message.value() == b"2")
    scene.outbox.work()
    scene.save()
    assert scene.claimed("A") is None
    scene.client.arrive(lambda _: True)
    scene.outbox.work()
    scene.save()
    assert scene.claimed("A") == 2


class TestUnderASteadyFlow:
    """There is never a moment without a message on its way, unless new ones wait a little."""

    def test_the_flow_is_held_back_for_a_moment_so_that_a_checkpoint_can_be_written(self, make: Make) -> None:
        scene = make()
        scene.trade("A", 1)
        scene.save()
        scene.clock.now += module.SETTLE_EVERY
        scene.outbox.work()
        scene.trade("A", 2, 3)
        assert len(scene.client) == 1
        scene.client.arrive(lambda _: True)
        scene.outbox.work()
        assert [message.value() for message in scene.client.queue] == [b"2", b"3"]
        scene.save()
        assert scene.claimed("A") == 1
        assert scene.pressure == []

    def test_what_is_held_back_is_not_claimed(self, make: Make) -> None:
        scene = make()
        scene.trade("A", 1)
        scene.clock.now += module.SETTLE_EVERY
        scene.outbox.work()
        scene.trade("A", 2)
        scene.save()
        scene.client.arrive(lambda _: True)
        scene.outbox.work()
        scene.save()
        assert (scene.outbox.settled, scene.claimed("A")) == (1, None)

    def test_it_is_held_back_no_longer_than_that(self, make: Make) -> None:
        scene = make()
        scene.trade("A", 1)
        scene.clock.now += module.SETTLE_EVERY
        scene.outbox.work()
        scene.trade("A", 2)
        scene.clock.now += module.SETTLE_WITHIN
        scene.outbox.work()
        scene.trade("A", 3)
        assert [message.value() for message in scene.client.queue] == [b"1", b"2", b"3"]
        assert scene.outbox.settled == 0

    def test_one_that_fails_meanwhile_is_not_claimed(self, make: Make) -> None:
        scene = make()
        scene.trade("A", 1, 2)
        scene.save()
        scene.clock.now += module.SETTLE_EVERY
        scene.outbox.work()
        scene.trade("A", 3)
        scene.client.fail(KafkaError(KafkaError.NOT_ENOUGH_REPLICAS))
        scene.client.arrive(lambda _: True)
        scene.outbox.work()
        assert scene.outbox.settled == 0
        scene.clock.now += module.SETTLE_WITHIN
        scene.outbox.work()
        scene.client.arrive(lambda _: True)
        scene.outbox.work()
        scene.save()
        assert scene.claimed("A") == 3
        assert [message.value() for message in scene.client.arrived] == [b"2", b"3", b"1"]


def test_of_what_is_too_large_the_beginning_is_sent_with_its_true_size(make: Make) -> None:
    scene = make()
    value = bytes(range(256)) * 8192
    scene.outbox.send("letters", None, value, [("reason", b"not-json")])
    (message,) = scene.client.queue
    assert message.value() == value[: module.BEGINNING]
    assert message.headers() == [("reason", b"not-json"), ("truncated", b"2097152")]
    assert scene.outbox.failure is None


def test_what_the_broker_finds_too_large_is_shortened_as_well(make: Make) -> None:
    scene = make()
    scene.outbox.send("letters", None, b"x" * 1_400_000)
    scene.client.fail(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
    (message,) = scene.client.queue
    assert (len(message.value()), message.headers()) == (module.BEGINNING, [("truncated", b"1400000")])
    scene.client.arrive(lambda _: True)
    scene.outbox.work()
    assert scene.outbox.settled == scene.outbox.accepted == 1


def test_any_other_refusal_ends_the_feed_and_its_claims(make: Make) -> None:
    scene = make()

    def refuse(*_: object, **__: object) -> None:
        raise KafkaException(KafkaError(KafkaError._UNKNOWN_TOPIC))

    scene.outbox._produce = refuse
    scene.trade("A", 1)
    scene.save()
    assert scene.outbox.failure is not None
    assert scene.claimed("A") is None
    assert "message_refused" in scene.log.getvalue()
