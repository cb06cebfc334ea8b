"""The real broker, as users run it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from common.ports import new_port
from common.waits import PATIENCE
from confluent_kafka import Consumer, KafkaException, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]
from messages.approved import approve

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

COMMAND = [sys.executable, "-m", "tickerplant.broker"]
QUIET = {"log_level": 0, "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200}


class Broker:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.port, controller = new_port(), new_port()
        self.address = f"127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "STATE_DIR": str(folder),
            "KAFKA_PORT": str(self.port),
            "KAFKA_CONTROLLER_PORT": str(controller),
        }
        self.log = folder / "kafka.log"
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([*COMMAND, "run"], env=self.environment, stdout=log, stderr=log)
        AdminClient({"bootstrap.servers": self.address, **QUIET}).list_topics(timeout=2 * PATIENCE)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture(scope="module", autouse=True)
def prepared() -> None:
    subprocess.run([*COMMAND, "prepare"], check=True)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Callable[[str], Broker]]:
    running: list[Broker] = []

    def start(name: str = "state") -> Broker:
        running.append(Broker(tmp_path / name))
        return running[-1]

    yield start
    for each in running:
        each.end(signal.SIGKILL)


def write(address: str, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": address, "acks": "all", **QUIET})
    producer.produce(topic, value)
    assert producer.flush(PATIENCE) == 0


def read(address: str, topic: str, count: int) -> list[bytes | None]:
    consumer = Consumer({"bootstrap.servers": address, "group.id": "none", **QUIET})
    consumer.assign([TopicPartition(topic, 0, 0)])
    values = [message.value() for message in consumer.consume(count, timeout=PATIENCE)]
    consumer.close()
    return values


def make(address: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": address, **QUIET})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(PATIENCE)


def test_a_second_set_up_is_silent_and_needs_no_network() -> None:
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1"}
    done = subprocess.run(
        [*COMMAND, "prepare"], env={**os.environ, **nowhere}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_keeps_what_it_acknowledged_however_it_ends(
    broker: Callable[[], Broker], number: signal.Signals
) -> None:
    kafka = broker()
    make(kafka.address, "topic")
    write(kafka.address, "topic", b"before")
    assert kafka.end(number) == (143 if number is signal.SIGTERM else -9)
    kafka.start()
    write(kafka.address, "topic", b"after")
    assert read(kafka.address, "topic", 2) == [b"before", b"after"]


def test_a_look_at_a_topic_does_not_make_it(broker: Callable[[], Broker]) -> None:
    kafka = broker()
    admin = AdminClient({"bootstrap.servers": kafka.address, **QUIET})
    admin.list_topics("nothing-here", timeout=PATIENCE)
    with pytest.raises(KafkaException):
        AdminClient({"bootstrap.servers": kafka.address, **QUIET}).describe_topics(
            TopicCollection(["nothing-here"])
        )["nothing-here"].result(PATIENCE)


def test_its_log_is_json_lines(broker: Callable[[], Broker]) -> None:
    kafka = broker()
    kafka.end(signal.SIGTERM)
    lines = [json.loads(line) for line in kafka.log.read_text().splitlines()]
    assert {line["service"] for line in lines} == {"kafka"}
    assert any("started" in line["message"] for line in lines)


def test_two_live_side_by_side(broker: Callable[[str], Broker]) -> None:
    one, two = broker("one"), broker("two")
    make(one.address, "topic")
    assert (
        "topic"
        not in AdminClient({"bootstrap.servers": two.address, **QUIET}).list_topics(timeout=PATIENCE).topics
    )


def test_a_port_in_use_is_named(broker: Callable[[], Broker]) -> None:
    kafka = broker()
    done = subprocess.run(
        [*COMMAND, "run"], env=kafka.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    approve("broker-port-in-use", done.stderr, hide={str(kafka.port): "PORT"})
