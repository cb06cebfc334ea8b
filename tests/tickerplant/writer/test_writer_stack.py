"""The writer as a process, beside the real broker."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import confluent_kafka as kafka
import pytest
from common.ports import new_port
from common.waits import PATIENCE, until
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic  # type: ignore[attr-defined]
from writer_support import encode, repeated, stored, table_at, trade

from tickerplant.service import Log
from tickerplant.writer.failpoints import POINTS
from tickerplant.writer.source import GROUP, KafkaSource

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

QUIET = {"log_level": 0, "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200}
PARTITIONS = 12


class Broker:
    def __init__(self, folder: Path) -> None:
        port, controller = new_port(), new_port()
        self.address = f"127.0.0.1:{port}"
        self.environment = os.environ | {
            "STATE_DIR": str(folder),
            "KAFKA_PORT": str(port),
            "KAFKA_CONTROLLER_PORT": str(controller),
        }
        self.log = folder / "kafka.log"
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tickerplant.broker", "run"],
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        self.admin = AdminClient({"bootstrap.servers": self.address, **QUIET})
        self.admin.list_topics(timeout=2 * PATIENCE)

    def end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.wait(PATIENCE)

    def create(self, *topics: str) -> None:
        wanted = [NewTopic(topic, PARTITIONS if topic.endswith("trades") else 1, 1) for topic in topics]
        for future in self.admin.create_topics(wanted).values():
            future.result(PATIENCE)

    def write(self, topic: str, *values: dict[str, object] | bytes) -> None:
        producer = kafka.Producer({"bootstrap.servers": self.address, "acks": "all", **QUIET})
        for value in values:
            if isinstance(value, bytes):
                producer.produce(topic, value, partition=0)
            else:
                producer.produce(topic, encode(value), key=str(value["symbol"]))
        assert producer.flush(PATIENCE) == 0

    def read(self, topic: str, count: int) -> list[kafka.Message]:
        consumer = kafka.Consumer({"bootstrap.servers": self.address, "group.id": "none", **QUIET})
        consumer.assign([kafka.TopicPartition(topic, 0, 0)])
        messages = consumer.consume(count, timeout=PATIENCE)
        consumer.close()
        return messages


class WriterProcess:
    def __init__(self, folder: Path, address: str, topics: tuple[str, str], **settings: str) -> None:
        self.folder = folder
        self.port = new_port()
        self.environment = os.environ | {
            "KAFKA_BOOTSTRAP": address,
            "TRADES_TOPIC": topics[0],
            "DEAD_LETTER_TOPIC": topics[1],
            "CATALOG_URI": f"sqlite:///{folder}/catalog.db",
            "WAREHOUSE": str(folder / "warehouse"),
            "HTTP_PORT": str(self.port),
            "WRITER_COMMIT_INTERVAL": "0.2",
            **settings,
        }
        self.log = folder / f"writer-{self.port}-{time.monotonic_ns()}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tickerplant.writer"], env=self.environment, stdout=log, stderr=log
            )

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def ready(self) -> bool:
        return self.get("/health/ready")[0] == 200

    def metric(self, name: str) -> float:
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(f"tickerplant_writer_{name} "):
                return float(line.split()[1])
        return 0.0

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    subprocess.run([sys.executable, "-m", "tickerplant.broker", "prepare"], check=True)
    broker = Broker(tmp_path_factory.mktemp("kafka"))
    yield broker
    broker.end(signal.SIGKILL)


@pytest.fixture
def topics(broker: Broker, request: pytest.FixtureRequest) -> tuple[str, str]:
    """Topics of one test's own, so that one broker serves all tests."""
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)[-60:]
    broker.create(f"{name}.trades", f"{name}.dead")
    return f"{name}.trades", f"{name}.dead"


@pytest.fixture
def writer(broker: Broker, topics: tuple[str, str], tmp_path: Path) -> Iterator[Callable[..., WriterProcess]]:
    running: list[WriterProcess] = []

    def start(*names: str, **settings: str) -> WriterProcess:
        running.append(WriterProcess(tmp_path, broker.address, names or topics, **settings))  # type: ignore[arg-type]
        return running[-1]

    yield start
    for each in running:
        each.process.kill()
        each.process.wait()


def trades(count: int, *, start: int = 0) -> list[dict[str, object]]:
    return [trade(f"S{number % 7}", number // 7) for number in range(start, start + count)]


def keys(count: int) -> list[tuple[str, int]]:
    return sorted((f"S{number % 7}", number // 7) for number in range(count))


def stored_once(tmp_path: Path, count: int) -> Callable[[], bool]:
    table = table_at(tmp_path)
    return lambda: len(stored(table)) >= count


@pytest.mark.parametrize("point", POINTS)
def test_killed_under_flow_and_restarted_it_stores_each_trade_once(
    broker: Broker,
    topics: tuple[str, str],
    writer: Callable[..., WriterProcess],
    tmp_path: Path,
    point: str,
) -> None:
    broker.write(topics[0], *trades(500))
    armed = tmp_path / "failpoint"
    armed.write_text(point)
    victim = writer(WRITER_FAILPOINT_FILE=str(armed))
    assert victim.process.wait(2 * PATIENCE) == -signal.SIGKILL
    broker.write(topics[0], *trades(500, start=400))
    heir = writer()
    until(stored_once(tmp_path, 900))
    heir.process.send_signal(signal.SIGTERM)
    assert heir.process.wait(PATIENCE) == 0
    assert stored(table_at(tmp_path)) == keys(900)


def test_it_becomes_ready_stores_quarantines_counts_and_ends_cleanly(
    broker: Broker, topics: tuple[str, str], writer: Callable[..., WriterProcess], tmp_path: Path
) -> None:
    broker.write(topics[0], *trades(300), *trades(50), b"nonsense")
    it = writer()
    until(it.ready)
    until(stored_once(tmp_path, 300))
    until(lambda: it.metric("rows_written_total") == 300)
    until(lambda: it.metric("duplicates_dropped_total") == 50)
    until(lambda: it.metric("quarantined_total") == 1)
    assert it.get("/health/live")[0] == 200
    (letter,) = broker.read(topics[1], 1)
    assert letter.value() == b"nonsense"
    headers = {name: value.decode() for name, value in letter.headers() or []}
    assert (headers["reason"], headers["source"]) == ("not-json", "kafka")
    assert headers["position"].startswith(f"{topics[0]}/0/")
    broker.write(topics[0], *trades(100, start=300))
    until(lambda: it.metric("messages_polled_total") == 451)
    it.process.send_signal(signal.SIGTERM)
    assert it.process.wait(PATIENCE) == 0
    assert stored(table_at(tmp_path)) == keys(400)
    assert {event["event"] for event in it.events()} >= {"table claimed", "polling", "quarantined", "stopped"}
    consumer = kafka.Consumer({"bootstrap.servers": broker.address, "group.id": GROUP, **QUIET})
    partitions = [kafka.TopicPartition(topics[0], number) for number in range(PARTITIONS)]
    committed = consumer.committed(partitions, timeout=PATIENCE)
    consumer.close()
    assert sum(max(0, place.offset) for place in committed) == 451


def test_partitions_that_are_added_later_are_read_from_their_beginning(
    broker: Broker, topics: tuple[str, str]
) -> None:
    now, logged = [0.0], io.StringIO()
    source = KafkaSource(
        broker.address, topics[0], Log("writer", stream=logged), look_every=30.0, clock=lambda: now[0]
    )
    broker.write(topics[0], *(b"%d" % number for number in range(50)))
    source.start({})
    values: list[bytes | None] = []

    def poll(count: int) -> bool:
        values.extend(source.poll(20, 0.1).values)
        return len(values) >= count

    until(lambda: poll(50))
    (done,) = broker.admin.create_partitions([NewPartitions(topics[0], PARTITIONS + 2)]).values()
    done.result(PATIENCE)
    producer = kafka.Producer({"bootstrap.servers": broker.address, "acks": "all", **QUIET})
    for number, partition in ((50, PARTITIONS), (51, PARTITIONS + 1), (52, 0)):
        producer.produce(topics[0], b"%d" % number, partition=partition)
    assert producer.flush(PATIENCE) == 0
    until(lambda: poll(51))
    assert values[-1] == b"52"
    now[0] = 29.0
    poll(0)
    assert "partitions added" not in logged.getvalue()
    now[0] = 31.0
    until(lambda: poll(53))
    assert sorted(int(value or b"") for value in values) == list(range(53))
    lag = until(source.lag)
    assert lag == dict.fromkeys(range(PARTITIONS + 2), 0)
    source.close()


def test_a_consumer_that_fetches_no_more_is_replaced(broker: Broker, topics: tuple[str, str]) -> None:
    logged = io.StringIO()
    source = KafkaSource(broker.address, topics[0], Log("writer", stream=logged))
    broker.write(topics[0], *(b"%d" % number for number in range(50)))
    source.start({})
    values: list[bytes | None] = []

    def poll(count: int) -> bool:
        values.extend(source.poll(20, 0.1).values)
        return len(values) >= count

    until(lambda: poll(50))
    # Paused, it is as deaf as one that librdkafka has forgotten.
    source._consumer.pause([kafka.TopicPartition(topics[0], number) for number in range(PARTITIONS)])
    broker.write(topics[0], *(b"%d" % number for number in range(50, 60)))
    until(lambda: poll(50) and source.stuck)
    assert source.stuck == {0: 10}
    until(lambda: poll(60))
    assert [int(value or b"") for value in values] == list(range(60))
    assert source.stuck == {}
    assert logged.getvalue().count("consumer stuck") == 1
    source.close()


def test_bad_messages_as_large_as_the_broker_takes_do_not_stop_it(
    broker: Broker, topics: tuple[str, str], writer: Callable[..., WriterProcess], tmp_path: Path
) -> None:
    sizes = (999_900, 1_500_000, 2_096_000, 2_097_060)
    large = kafka.Producer({"bootstrap.servers": broker.address, "message.max.bytes": 4_000_000, **QUIET})
    for size in sizes:
        large.produce(topics[0], b"x" * size, partition=0)
        assert large.flush(PATIENCE) == 0
    broker.write(topics[0], *trades(20))
    it = writer()
    until(stored_once(tmp_path, 20))
    until(lambda: it.metric("quarantined_total") == len(sizes))
    found = {}
    for letter in broker.read(topics[1], len(sizes)):
        headers = {name: value.decode() for name, value in letter.headers() or []}
        found[int(headers["position"].rpartition("/")[2])] = len(letter.value()), headers.get("truncated")
    assert found == {0: (999_900, None), 1: (1_500_000, None), 2: (2_096_000, None), 3: (65_536, "2097060")}
    assert it.process.poll() is None


def test_the_broker_may_come_late_and_go_away_for_a_while(
    broker: Broker, topics: tuple[str, str], writer: Callable[..., WriterProcess], tmp_path: Path
) -> None:
    broker.end(signal.SIGTERM)
    it = writer()
    until(lambda: it.get("/health/live")[0] == 200)
    assert not it.ready()
    broker.start()
    until(it.ready)
    broker.write(topics[0], *trades(200))
    until(stored_once(tmp_path, 200))
    broker.end(signal.SIGKILL)
    until(lambda: not it.ready())
    broker.start()
    until(it.ready)
    broker.write(topics[0], *trades(200, start=100))
    until(stored_once(tmp_path, 300))
    assert repeated(table_at(tmp_path)) == {}
    assert it.process.poll() is None


def test_the_topic_may_come_late(
    broker: Broker, topics: tuple[str, str], writer: Callable[..., WriterProcess], tmp_path: Path
) -> None:
    late = f"late-{topics[0]}"
    it = writer(late, topics[1])
    until(lambda: "waiting for the topic" in it.log.read_text())
    broker.create(late)
    broker.write(late, *trades(10))
    until(stored_once(tmp_path, 10))
    until(it.ready)


def test_a_second_writer_is_refused_while_the_first_works(
    broker: Broker, topics: tuple[str, str], writer: Callable[..., WriterProcess], tmp_path: Path
) -> None:
    first = writer()
    until(first.ready)
    second = writer()
    assert second.process.wait(PATIENCE) == 2
    refused = second.events()[-1]
    assert refused["event"] == "refused"
    assert str(first.process.pid) in refused["reason"]
    broker.write(topics[0], *trades(20))
    until(stored_once(tmp_path, 20))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("WRITER_COMMIT_INTERVAL", "soon"),
        ("CATALOG_URI", "sqlite:////proc/no/c"),
    ],
)
def test_a_wrong_setting_is_refused_with_one_sentence(
    writer: Callable[..., WriterProcess], setting: str, value: str
) -> None:
    it = writer(**{setting: value})
    assert it.process.wait(PATIENCE) == 2
    refused = it.events()[-1]
    assert refused["event"] == "refused"
    assert refused["reason"].startswith(setting)
    assert "traceback" not in refused
