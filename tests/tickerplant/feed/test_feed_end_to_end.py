"""The feed as a process, between a real broker and the simulated exchange."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
from common.domain import Domain
from common.ports import new_port
from common.waits import PATIENCE, until
from confluent_kafka import Consumer, TopicPartition
from tickproof.exchange.actions import Action, Drop, Repeat, Shutdown, Skip
from tickproof.exchange.client import ExchangeClient
from tickproof.exchange.plan import disturbed, draw

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

SYMBOLS = ("BTCUSDT", "ETHBTC", "1000SATSUSDT", "BNBEUR", "SOLUSDT", "XRPUSDT", "ADAUSDT", "DOGEUSDT")
WITHIN = timedelta(seconds=PATIENCE)


def started(*arguments: str, log: Path, **environment: str) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
        )


def ended(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    try:
        return process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("feed")


@pytest.fixture(scope="module")
def kafka(folder: Path) -> Iterator[str]:
    subprocess.run([sys.executable, "-m", "tickerplant.broker", "prepare"], check=True)
    port, controller = new_port(), new_port()
    environment = {
        "KAFKA_PORT": str(port),
        "KAFKA_CONTROLLER_PORT": str(controller),
        "STATE_DIR": str(folder),
    }
    process = started("tickerplant.broker", "run", log=folder / "kafka.log", **environment)
    yield f"127.0.0.1:{port}"
    ended(process)


@pytest.fixture(scope="module")
def exchange(folder: Path) -> Iterator[dict[str, Any]]:
    # All tests ask from one address, in one minute more than the venue would answer.
    room = ("--weight-limit", "60000")
    process = started(
        "tickproof.exchange", "--state", str(folder / "exchange"), *room, log=folder / "exchange.log"
    )
    file = folder / "exchange" / "exchange.json"
    until(file.exists)
    yield json.loads(file.read_text())
    ended(process)


class Feed:
    """A feed process that can be ended and started again."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.log = folder / "feed.log"
        self.port = new_port()
        self.checkpoint = folder / "feed" / "checkpoint.json"
        self._environment = {**environment, "HTTP_PORT": str(self.port), "STATE_DIR": str(folder)}

    def start(self) -> None:
        self.process = started("tickerplant.feed", log=self.log, **self._environment)
        try:
            until(self.ready)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.port}/health/ready", timeout=PATIENCE
            ) as answer:
                return answer.status == 200
        except OSError:
            return False

    def metrics(self) -> dict[str, float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=PATIENCE) as answer:
            lines = answer.read().decode().splitlines()
        return {
            name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")
        }

    def grew(self, before: dict[str, float], name: str) -> float:
        """Say by how much a counter grew; a counter with labels is there only once it counted something."""
        return self.metrics().get(name, 0) - before.get(name, 0)


@pytest.fixture(scope="module")
def feed(folder: Path, kafka: str, exchange: dict[str, Any]) -> Iterator[Feed]:
    feed = Feed(
        folder,
        {
            "KAFKA_BOOTSTRAP": kafka,
            "EXCHANGE_WS_URL": exchange["wss_url"],
            "EXCHANGE_REST_URL": exchange["rest_tls_url"],
            "EXCHANGE_CA_FILE": exchange["ca_file"],
            "FEED_SYMBOLS": ",".join(SYMBOLS),
            "FEED_REPAIR_PATIENCE": "0.5",
        },
    )
    feed.start()
    yield feed
    assert ended(feed.process) == 0


class Topic:
    """All that came to a topic since this was made."""

    def __init__(self, kafka: str, name: str) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": kafka, "group.id": "test", "enable.auto.commit": False, "log_level": 0}
        )
        parts = [
            TopicPartition(name, number)
            for number in self._consumer.list_topics(name, PATIENCE).topics[name].partitions
        ]
        for part in parts:
            part.offset = self._consumer.get_watermark_offsets(part, PATIENCE)[1]
        self._consumer.assign(parts)
        self.values: list[dict[str, Any]] = []
        self.seen: set[tuple[str, int]] = set()
        self.live = 0
        self.partitions: dict[str, set[int]] = {}

    def read(self) -> list[dict[str, Any]]:
        for message in self._consumer.consume(10_000, timeout=0.05):
            value = json.loads(message.value())
            self.values.append(value)
            self.seen.add((value["symbol"], value.get("trade_id", -1)))
            self.live += value.get("source") == "live"
            self.partitions.setdefault(value["symbol"], set()).add(message.partition())
        return self.values

    def close(self) -> None:
        self._consumer.close()


def told(
    exchange: dict[str, Any],
    kafka: str,
    actions: Sequence[Action] = (),
    *,
    meanwhile: Callable[[], None] = lambda: None,
    trades: int = 2000,
    per_second: int = 4000,
    live: int = 0,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Play trades over four symbols; return what was sent and what came to the topic, so many of it live at least.

    The venue's history knows a trade as soon as it is due: a feed that is late for want of a processor may fetch one
    from there that then comes live as well. Such a repetition is no fault of its.
    """
    client = ExchangeClient(exchange["control_url"])
    with closing(Topic(kafka, "market.trades")) as topic:
        lease = client.lease(4, only=SYMBOLS)
        plan = draw(Domain(), lease.symbols, trades=trades, per_second=per_second, seed=11)
        play = client.play(disturbed(plan, actions) if actions else plan)
        meanwhile()
        play.wait(WITHIN)
        ledger = play.ledger()
        sent = ledger.filter(pc.equal(ledger["expect"], "stored")).to_pylist()
        wanted = {(row["symbol"], row["trade_id"]) for row in sent}
        until(lambda: topic.read() and wanted <= topic.seen and topic.live >= live)
        client.release(lease)
        assert all(len(partitions) == 1 for partitions in topic.partitions.values())
        return sent, topic.values


def live(values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [value for value in values if value["source"] == "live"]


def keys(rows: list[dict[str, Any]]) -> Counter[tuple[str, int]]:
    return Counter((row["symbol"], row["trade_id"]) for row in rows)


def live_ids_grow(values: list[dict[str, Any]]) -> bool:
    ids: dict[str, list[int]] = {}
    for value in live(values):
        ids.setdefault(value["symbol"], []).append(value["trade_id"])
    return all(each == sorted(each) for each in ids.values())


def test_every_trade_arrives_once_in_order_with_the_venues_text(
    feed: Feed, exchange: dict[str, Any], kafka: str
) -> None:
    before = feed.metrics()
    sent, came = told(exchange, kafka, live=2000)
    assert Counter(
        (row["symbol"], row["trade_id"], row["price_text"], row["quantity_text"], row["side"]) for row in sent
    ) == Counter(
        (value["symbol"], value["trade_id"], value["price"], value["quantity"], value["side"])
        for value in live(came)
    )
    assert live_ids_grow(came)
    until(lambda: feed.grew(before, 'feed_trades_published_total{source="live"}') == len(sent))


@pytest.mark.parametrize(
    "action",
    [Drop(at=0), Drop(at=1000), Shutdown(at=1000)],
    ids=["before-the-first", "in-the-middle", "shutdown"],
)
@pytest.mark.usefixtures("feed")
def test_a_disconnect_costs_nothing(exchange: dict[str, Any], kafka: str, action: Action) -> None:
    sent, came = told(exchange, kafka, [action])
    assert keys(came).keys() == keys(sent).keys()
    assert set(keys(live(came)).values()) <= {1}
    assert live_ids_grow(came)


@pytest.mark.usefixtures("feed")
def test_a_repeated_frame_is_passed_on(exchange: dict[str, Any], kafka: str) -> None:
    sent, came = told(exchange, kafka, [Repeat(at=100, count=2)], live=2002)
    (repeated,) = (keys(live(came)) - keys(sent)).items()
    assert repeated[1] == 2


def test_a_gap_that_the_venue_cannot_fill_is_reported_with_its_ids(
    feed: Feed, exchange: dict[str, Any], kafka: str
) -> None:
    before = feed.metrics()
    with closing(Topic(kafka, "market.gaps")) as gaps:
        client = ExchangeClient(exchange["control_url"])
        lease = client.lease(1, only=SYMBOLS)
        (leased,) = lease.symbols
        plan = draw(Domain(), lease.symbols, trades=100, per_second=2000, seed=3)
        client.play(disturbed(plan, [Skip(at=40, count=7, rest_knows=False)])).wait(WITHIN)
        (gap,) = until(gaps.read)
        client.release(lease)
    first = leased.next_id + 40
    assert (gap["symbol"], gap["first_id"], gap["last_id"]) == (leased.symbol, first, first + 6)
    assert gap["reason"] == "not-in-history"
    until(lambda: feed.grew(before, "feed_missing_trades_total") == 7)
    assert feed.grew(before, f'feed_gaps_unrepaired_total{{symbol="{leased.symbol}"}}') == 1


@pytest.mark.parametrize(
    ("number", "forgets"),
    [(signal.SIGTERM, False), (signal.SIGKILL, False), (signal.SIGKILL, True)],
    ids=["asked", "killed", "killed-and-robbed-of-its-checkpoint"],
)
def test_a_feed_that_ends_under_flow_and_starts_again_costs_nothing(
    feed: Feed, exchange: dict[str, Any], kafka: str, number: signal.Signals, *, forgets: bool
) -> None:
    def end_and_start() -> None:
        before = feed.metrics()["feed_frames_received_total"]
        until(lambda: feed.metrics()["feed_frames_received_total"] > before + 200)
        feed.process.send_signal(number)
        assert feed.process.wait(PATIENCE) == (0 if number == signal.SIGTERM else -number)
        if forgets:
            feed.checkpoint.unlink()
        feed.start()

    # The flow goes on until the feed is back, also on a busy machine.
    sent, came = told(exchange, kafka, meanwhile=end_and_start, trades=20_000, per_second=2000)
    assert {value["source"] for value in came} == {"live", "rest"}
    assert keys(came).keys() == keys(sent).keys()
