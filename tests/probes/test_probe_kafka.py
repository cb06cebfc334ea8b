import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from os import environ
from typing import Any

import pytest
from common.ports import new_port
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from tickproof import clock
from tickproof.ledger.schemas import SEEN
from tickproof.probes import kafka
from tickproof.probes.errors import HopUnreachableError, UnreadableRowError
from tickproof.probes.kafka import RECORD, KafkaProbe
from tickproof.probes.mapping import Own
from tickproof.target import KafkaHop, Target
from tickproof.verdicts import Void

Record = tuple[int, str, dict[str, Any]]

_names = itertools.count()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("broker")
    port = str(new_port())
    settings = {
        **environ, "STATE_DIR": str(folder), "KAFKA_PORT": port, "KAFKA_CONTROLLER_PORT": str(new_port()),
    }  # fmt: skip
    command = [sys.executable, "-m", "tickerplant.broker"]
    subprocess.run([*command, "prepare"], env=settings, check=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "run"], env=settings, stdout=log, stderr=log)
    try:
        AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0}).list_topics(timeout=60)
        yield port
    finally:
        process.terminate()
        process.wait(30)


class Topics:
    """Topics of one test, with names of their own."""

    def __init__(self, target: Target, port: str) -> None:
        kafka = target.hops.kafka
        assert kafka is not None
        assert kafka.dead_letters is not None
        assert kafka.gaps is not None
        tail = f"{next(_names)}"
        self.hop: KafkaHop = kafka.model_copy(
            update={
                "topic": f"trades-{tail}",
                "dead_letters": kafka.dead_letters.model_copy(update={"topic": f"letters-{tail}"}),
                "gaps": kafka.gaps.model_copy(update={"topic": f"gaps-{tail}"}),
            }
        )
        self.target = target.model_copy(update={"hops": target.hops.model_copy(update={"kafka": self.hop})})
        address = {"bootstrap.servers": f"127.0.0.1:{port}"}
        self.admin = AdminClient(address)
        new = [
            NewTopic(self.hop.topic, 4, 1),
            NewTopic(f"letters-{tail}", 1, 1),
            NewTopic(f"gaps-{tail}", 1, 1),
        ]
        for made in self.admin.create_topics(new).values():
            made.result(30)
        self.producer = Producer({**address, "linger.ms": 5})

    def send(self, *values: bytes, topic: str | None = None, **options: Any) -> None:
        for value in values:
            self.producer.produce(topic or self.hop.topic, value, **options)
        assert self.producer.flush(30) == 0

    def send_trades(self, symbol: str, ids: range, partition: int) -> None:
        for n in ids:
            self.producer.produce(self.hop.topic, value(symbol, n), key=symbol, partition=partition)
            self.producer.poll(0)
        assert self.producer.flush(30) == 0


def value(symbol: str, trade_id: int, **others: Any) -> bytes:
    return json.dumps(
        {
            "symbol": symbol, "trade_id": trade_id, "price": "1.50", "quantity": "0.00000001",
            "event_time_us": 1_767_323_045_000_006, "venue_time_us": 1, "side": "buy", "source": "live",
            "ingest_time_us": 5, **others,
        }
    ).encode()  # fmt: skip


@pytest.fixture
def topics(embedded: Target, broker: str) -> Topics:
    return Topics(embedded, broker)


@pytest.fixture
def variables(broker: str, ports: dict[str, str]) -> dict[str, str]:
    return {**ports, "STATE_DIR": "/nowhere", "KAFKA_PORT": broker}


@pytest.fixture
def probe(topics: Topics, variables: dict[str, str]) -> Iterator[KafkaProbe]:
    probe = KafkaProbe(topics.target, variables)
    yield probe
    probe.close()


@pytest.mark.stack
def test_what_came_since_is_read_with_its_text(topics: Topics, probe: KafkaProbe) -> None:
    topics.send_trades("ETHBTC", range(3), 1)
    since = probe.ends()
    before = clock.now_ns()
    topics.send_trades("BTCUSDT", range(5, 6), 2)
    assert probe.count(since) == 1
    seen = probe.read(since)
    assert seen.schema == SEEN
    (row,) = seen.drop(["event_time"]).to_pylist()
    assert before < row.pop("seen_ns") < clock.now_ns()
    assert row == {
        "symbol": "BTCUSDT", "trade_id": 5, "price": Decimal("1.5"), "quantity": Decimal("1e-8"), "side": "buy",
        "hop": "kafka", "source": "live", "hop_time_ns": 5000, "lane": 2, "offset": 0, "place": None,
        "price_text": "1.50", "quantity_text": "0.00000001",
    }  # fmt: skip
    assert seen["event_time"].cast("int64").to_pylist() == [1_767_323_045_000_006_000]


@pytest.mark.stack
def test_ranges_end_where_asked_while_others_write_on(topics: Topics, probe: KafkaProbe) -> None:
    since = probe.ends(topics.hop.topic)
    topics.send_trades("BTCUSDT", range(1000), 0)
    topics.send_trades("ETHBTC", range(10), 1)
    until = probe.ends(topics.hop.topic)
    topics.send_trades("BTCUSDT", range(1000, 5000), 0)
    seen = probe.read(since, until)
    assert seen.num_rows == 1010
    assert probe.read(until)["trade_id"].to_pylist() == list(range(1000, 5000))
    assert probe.read(since, symbols={"BTCUSDT": 4990, "ETHBTC": 9}).num_rows == 11
    assert probe.read(until, until).num_rows == 0
    in_lane = [
        o for lane, o in zip(seen["lane"].to_pylist(), seen["offset"].to_pylist(), strict=True) if not lane
    ]
    assert in_lane == list(range(1000))


@pytest.mark.stack
def test_a_small_range_is_read_at_once(topics: Topics, probe: KafkaProbe) -> None:
    since = probe.ends()
    topics.send_trades("BTCUSDT", range(50), 0)
    probe.read(since)  # the first reading connects
    spent = []
    for _ in range(5):
        begun = clock.now_ns()
        assert probe.read(since).num_rows == 50
        spent.append(clock.now_ns() - begun)
    assert min(spent) < 200_000_000  # a time-out of `consume` would be waited out each time


@pytest.mark.stack
def test_strangers_are_seen_beside_what_was_asked_for(topics: Topics, probe: KafkaProbe) -> None:
    since = probe.ends()
    topics.send_trades("BTCUSDT", range(3), 0)
    topics.send_trades("ETHBTC", range(3), 0)
    topics.send(value("ethbtc", 5), value("BTCUSDT", -(2**63)), key="x", partition=0)
    own = Own({"BTCUSDT": 1}, {"BTCUSDT": (0, 100), "ETHBTC": (0, 100)})
    seen = probe.read(since, symbols=own)
    assert seen["symbol"].to_pylist() == ["BTCUSDT", "BTCUSDT", "ethbtc", "BTCUSDT"]
    assert seen["trade_id"].to_pylist() == [1, 2, 5, -(2**63)]


@pytest.mark.stack
def test_a_key_that_is_not_the_symbol_is_noted(topics: Topics, probe: KafkaProbe) -> None:
    since = probe.ends()
    for key in ("BTCUSDT", "ETHBTC", None, b"\xff"):
        topics.send(value("BTCUSDT", 1), key=key, partition=0)
    assert probe.read(since)["place"].to_pylist() == [None, 'key "ETHBTC"', "no key", 'key "\\xff"']


@pytest.mark.stack
@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (b"not JSON", r"A value should be JSON, but .* \(partition 3, offset 1\)"),
        (
            value("BTCUSDT", 1, price=1.5),
            r"price should be text, but is the number 1\.5 \(partition 3, offset 1\)",
        ),
        (value("BTCUSDT", 1, price="x"), r'price should be a number, but is "x" \(partition 3, offset 1\)'),
        (b"{}", r"A trade at kafka should have a symbol \(partition 3, offset 1\)"),
    ],
)
def test_a_record_that_is_no_trade_is_named(
    topics: Topics, probe: KafkaProbe, bad: bytes, sentence: str
) -> None:
    since = probe.ends()
    topics.send(value("BTCUSDT", 1), bad, value("BTCUSDT", 2), key="BTCUSDT", partition=3)
    with pytest.raises(UnreadableRowError, match=sentence):
        probe.read(since)


@pytest.mark.stack
def test_dead_letters_and_gaps_are_read_as_they_are(topics: Topics, probe: KafkaProbe) -> None:
    since = probe.ends()
    letters, gaps = topics.hop.dead_letters, topics.hop.gaps
    assert letters is not None
    assert gaps is not None
    headers = [
        ("reason", b"not-json"),
        ("source", b"ws"),
        ("position", b"connection:1/frame:2"),
        ("other", b"x"),
    ]
    topics.send(b"\x00\xff{", topic=letters.topic, headers=headers)
    topics.send(b"", topic=letters.topic)
    topics.send(b'{"first":1}', topic=gaps.topic, key="BTCUSDT")
    table = probe.dead_letters(since)
    assert table.schema == RECORD
    first, second = table.drop(["time_ns"]).to_pylist()
    assert first == {
        "key": None, "value": b"\x00\xff{", "partition": 0, "offset": 0, "reason": "not-json", "source": "ws",
        "position": "connection:1/frame:2", "headers": [
            ("reason", "not-json"), ("source", "ws"), ("position", "connection:1/frame:2"), ("other", "x"),
        ],
    }  # fmt: skip
    assert (second["value"], second["reason"], second["headers"]) == (b"", None, [])
    (gap,) = probe.gaps(since).to_pylist()
    assert (gap["key"], gap["value"]) == (b"BTCUSDT", b'{"first":1}')
    assert probe.dead_letters(probe.ends()).schema == RECORD


@pytest.mark.stack
def test_records_that_were_deleted_cannot_be_judged(topics: Topics, probe: KafkaProbe) -> None:
    since = probe.ends()
    topics.send_trades("BTCUSDT", range(10), 0)
    for gone in topics.admin.delete_records([TopicPartition(topics.hop.topic, 0, 5)]).values():
        gone.result(30)
    with pytest.raises(
        Void, match=r"VOID: records of trades-\d+, partition 0, from offset 0 on are no longer"
    ):
        probe.read(since)


@pytest.mark.stack
def test_a_connection_that_has_forgotten_the_broker_is_given_up(
    topics: Topics, probe: KafkaProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "_RECONNECT_NS", 200_000_000)
    since = probe.ends()
    topics.send_trades("BTCUSDT", range(10), 0)
    until = probe.ends()
    for ask, answer in ((probe.ends, until), (lambda: probe.read(since, until).num_rows, 10)):
        probe.close()
        probe.__dict__["_consumer"] = Consumer(
            {"bootstrap.servers": f"127.0.0.1:{new_port()}", "group.id": "forgotten", "log_level": 0}
        )
        assert ask() == answer


@pytest.mark.stack
def test_a_topic_that_is_not_there_is_told(probe: KafkaProbe) -> None:
    with pytest.raises(HopUnreachableError, match=r"cannot be read \(topic nothing\): .*[Uu]nknown topic"):
        probe.ends("nothing")
    with pytest.raises(ValueError, match="There is no end of the topic trades-"):
        probe.read({"other": {0: 0}})


def test_a_broker_that_is_not_there_is_not_reachable(embedded: Target, ports: dict[str, str]) -> None:
    probe = KafkaProbe(
        embedded,
        {**ports, "STATE_DIR": "/nowhere", "KAFKA_PORT": str(new_port())},
        patience=timedelta(seconds=0.5),
    )
    with pytest.raises(HopUnreachableError, match=r"Kafka at 127\.0\.0\.1:\d+ cannot be read"):
        probe.ends()
    probe.close()
