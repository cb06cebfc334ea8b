"""The way into Kafka while there is no Kafka: nothing may be lost, and the venue must feel it."""

import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from common.waits import until
from confluent_kafka import KafkaError
from jsonschema import Draft202012Validator

from tickerplant.feed import outbox as module
from tickerplant.feed.counts import Counts
from tickerplant.feed.outbox import Outbox
from tickerplant.feed.publish import DeadLetters, GapReporter, Publisher
from tickerplant.feed.trade import Trade
from tickerplant.service import Log

NOWHERE = "127.0.0.1:1"
US = 1_700_000_000_000_000
TRADE = Trade("BTCUSDT", 7, "1.50", "2", US, US, "buy", "live", US)


@pytest.fixture
def pressure() -> list[bool]:
    return []


@pytest.fixture
def outbox(pressure: list[bool]) -> Outbox:
    return Outbox(NOWHERE, Counts(), Log("feed", stream=io.StringIO()), pressure.append, queue=3)


def test_a_full_queue_keeps_everything_in_order_and_asks_for_a_pause(
    outbox: Outbox, pressure: list[bool]
) -> None:
    for number in range(10):
        outbox.send("topic", b"key", str(number).encode())
    assert pressure == [True]
    assert outbox.congested
    outbox.work()
    assert [message.value for message in outbox._waiting] == [str(number).encode() for number in range(3, 10)]
    assert (outbox.handed_over, outbox.delivered) == (3, 0)
    assert outbox.flush(0) == 10


def test_when_there_is_room_again_reading_goes_on(outbox: Outbox, pressure: list[bool]) -> None:
    for number in range(5):
        outbox.send("topic", None, str(number).encode())
    produced: list[bytes] = []
    outbox._produce = lambda _topic, value, _key, **_: produced.append(value)
    outbox.work()
    assert produced == [b"3", b"4"]
    assert pressure == [True, False]
    outbox.send("topic", None, b"5")
    assert produced[-1] == b"5"


def test_a_broker_that_answers_counts_as_reachable_at_once(outbox: Outbox) -> None:
    until(lambda: outbox.work() or not outbox.reachable)
    outbox.look(0.01)
    assert not outbox.reachable
    outbox._producer = SimpleNamespace(list_topics=lambda **_: None)
    outbox.look(0.01)
    assert outbox.reachable


def test_a_client_without_a_connection_is_replaced_with_all_that_it_held(
    pressure: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REPLACE_AFTER", 0.2)
    logged = io.StringIO()
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes connections, and never says a word
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        outbox = Outbox(address, Counts(), Log("feed", stream=logged), pressure.append, queue=3)
        first = outbox._producer
        for number in range(5):
            outbox.send("topic", b"key", str(number).encode(), [("n", b"%d" % number)])
        until(lambda: outbox.work() or outbox._producer is not first)
        assert not outbox.reachable
        assert (outbox.accepted, outbox.delivered) == (5, 0)
        assert '"messages":3' in logged.getvalue()
        until(lambda: outbox.work() or outbox.handed_over == 3)
        assert [message.value for message in outbox._waiting] == [b"3", b"4"]
        produced: list[tuple[bytes, object]] = []
        outbox._replace_client()
        outbox._produce = lambda _topic, value, _key, *, headers, **_: produced.append((value, headers))
        outbox.work()
        assert produced == [(b"%d" % number, [("n", b"%d" % number)]) for number in range(5)]


def test_what_could_not_be_delivered_goes_again_with_its_headers(outbox: Outbox) -> None:
    told: list[Callable[[KafkaError, SimpleNamespace], None]] = []
    sent: list[tuple[bytes, object]] = []

    def produce(_topic: str, value: bytes, _key: bytes, *, headers: object, on_delivery: Any) -> None:
        sent.append((value, headers))
        told.append(on_delivery)

    outbox._produce = produce
    outbox.send("letters", None, b"{", [("reason", b"not-json")])
    # A message that failed comes back from the client without them.
    failed = SimpleNamespace(
        topic=lambda: "letters", value=lambda: b"{", key=lambda: None, headers=lambda: None
    )
    told[0](KafkaError(KafkaError.NOT_ENOUGH_REPLICAS), failed)
    assert sent == [(b"{", [("reason", b"not-json")])] * 2


def test_a_client_is_kept_while_nobody_listens(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPLACE_AFTER", 0.0)
    first = outbox._producer
    for _ in range(3):
        outbox.work()
    assert outbox._producer is first
    assert not outbox.reachable


@pytest.mark.parametrize("size", [1_000_000, 1_048_576])
def test_a_frame_of_the_largest_size_is_taken_whole(outbox: Outbox, size: int) -> None:
    taken: list[int] = []
    produce = outbox._produce

    def noted(topic: str, value: bytes, *others: object, **more: object) -> None:
        produce(topic, value, *others, **more)
        taken.append(len(value))

    outbox._produce = noted
    letters = DeadLetters(outbox, "letters", Counts())
    letters.put(b"x" * size, reason="not-json", position="connection:1/frame:2", received_us=US)
    assert taken == [size]


class Kept:
    """An outbox that only remembers."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None, bytes, list[tuple[str, bytes]]]] = []

    def send(
        self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]] | None = None
    ) -> None:
        self.sent.append((topic, key, value, headers or []))


def schema(name: str) -> Draft202012Validator:
    folder = Path(__file__).resolve().parents[3] / "tickerplant" / "schemas"
    return Draft202012Validator(json.loads((folder / f"{name}.schema.json").read_text()))


def test_a_trade_is_keyed_by_symbol_and_looks_as_published() -> None:
    kept, counts = Kept(), Counts()
    Publisher(kept, "market.trades", ["BTCUSDT"], counts).publish(TRADE)  # type: ignore[arg-type]
    ((topic, key, value, _),) = kept.sent
    assert (topic, key) == ("market.trades", b"BTCUSDT")
    assert value == (
        b'{"symbol":"BTCUSDT","trade_id":7,"price":"1.50","quantity":"2","event_time_us":1700000000000000,'
        b'"venue_time_us":1700000000000000,"side":"buy","source":"live","ingest_time_us":1700000000000000}'
    )
    schema("trade").validate(json.loads(value))
    assert counts.trades == {"live": 1}


@pytest.mark.parametrize(
    ("source", "position"),
    [("ws", "boot:1700000000000000/connection:1/frame:2"), ("rest", "rest:BTCUSDT/trade:7")],
)
def test_a_dead_letter_keeps_the_bytes_and_tells_why_and_where(source: str, position: str) -> None:
    kept, counts = Kept(), Counts()
    letters = DeadLetters(kept, "market.dead-letters", counts)  # type: ignore[arg-type]
    letters.put(b"\xff{", reason="not-json", position=position, received_us=US, source=source)
    ((_, _, value, headers),) = kept.sent
    assert value == b"\xff{"
    told = {name: text.decode() for name, text in headers}
    schema("dead-letter").validate(told)
    assert (told["source"], told["position"]) == (source, position)
    assert counts.dead_letters == {"not-json": 1}


def test_a_gap_is_told_by_topic_metric_and_log() -> None:
    kept, counts, stream = Kept(), Counts(), io.StringIO()
    reporter = GapReporter(kept, "market.gaps", counts, Log("feed", stream=stream))  # type: ignore[arg-type]
    reporter.report("BTCUSDT", 5, 9, detected_us=US, reason="not-in-history")
    record = json.loads(kept.sent[0][2])
    schema("gap").validate(record)
    assert (record["first_id"], record["last_id"]) == (5, 9)
    assert (counts.unrepaired, counts.missing) == ({"BTCUSDT": 1}, 5)
    line = json.loads(stream.getvalue())
    assert (line["event"], line["first_id"], line["last_id"]) == ("gap_unrepaired", 5, 9)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (
            {"FEED_SYMBOLS": "btcusdt"},
            "FEED_SYMBOLS names 'btcusdt', but a symbol has capital letters and digits only.",
        ),
        (
            {"EXCHANGE_WS_URL": "http://x"},
            "EXCHANGE_WS_URL is 'http://x', but must begin with ws:// or wss://.",
        ),
        ({"EXCHANGE_CA_FILE": "/no/such"}, "EXCHANGE_CA_FILE is '/no/such', but there is no such file."),
        ({"KAFKA_BOOTSTRAP": ""}, "KAFKA_BOOTSTRAP is not set, and there is no default for it."),
    ],
)
def test_a_wrong_setting_ends_the_feed_with_one_sentence(wrong: dict[str, str], sentence: str) -> None:
    right = {
        "KAFKA_BOOTSTRAP": NOWHERE,
        "EXCHANGE_WS_URL": "ws://127.0.0.1:1",
        "EXCHANGE_REST_URL": "http://127.0.0.1:1",
        "FEED_SYMBOLS": "BTCUSDT",
        "HTTP_PORT": "0",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tickerplant.feed"],
        env={**os.environ, **right, **wrong},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert json.loads(done.stdout)["reason"] == sentence
    assert done.stderr == ""
