"""Set-up steps that run Java once: format a template data directory, train the JVM's ahead-of-time cache.

A training run is an ordinary broker under a little ordinary traffic; at its end the JVM writes down which
classes it loaded and how they were linked. Later starts read that and take a third of the time.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from tickerplant.broker.cache import BrokerCache
from tickerplant.broker.errors import BrokerError
from tickerplant.broker.jvm import BROKER, STORAGE_TOOL, Profile, aot_cache, command
from tickerplant.broker.properties import CLUSTER_ID, LOOPBACK, BrokerSettings, properties

START_WITHIN, STOP_WITHIN, FORMAT_WITHIN = 60.0, 120.0, 60.0


def format_template(cache: BrokerCache, profile: Profile) -> None:
    """Make the formatted, empty data directory that each new broker copies."""
    draft = cache.folder / "template.draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    settings = BrokerSettings(port=9092, controller_port=9093, data=draft)
    text = properties(settings)
    config = draft / "server.properties"
    config.write_text(text, encoding="utf-8")
    arguments = ["format", "-t", CLUSTER_ID, "-c", str(config)]
    run = subprocess.run(
        command(cache, profile, STORAGE_TOOL, arguments),
        capture_output=True,
        text=True,
        timeout=FORMAT_WITHIN,
        check=False,
    )
    if run.returncode != 0:
        tail = (run.stdout + run.stderr).strip().splitlines()[-1:] or ["it said nothing"]
        raise BrokerError(f"Kafka could not format a data directory: {tail[0]}")
    shutil.rmtree(cache.template, ignore_errors=True)
    (draft / "data").rename(cache.template)
    shutil.rmtree(draft)


def train(cache: BrokerCache, profile: Profile) -> None:
    """Run a broker under a little traffic and keep the cache that its JVM writes at the end."""
    folder = cache.folder / "training"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(cache.template, folder / "data")
    port, controller_port = _two_free_ports()
    config = folder / "server.properties"
    config.write_text(
        properties(BrokerSettings(port=port, controller_port=controller_port, data=folder)), encoding="utf-8"
    )
    draft = folder / "draft.aot"
    log_file = cache.folder / "training.log"
    argv = command(cache, profile, BROKER, [str(config)], extra=[f"-XX:AOTCacheOutput={draft}"])
    with log_file.open("w", encoding="utf-8") as log, _running(argv, log) as process:
        _wait_listening(process, port, log_file)
        _traffic(f"{LOOPBACK}:{port}")
        process.terminate()
        try:
            process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired as error:
            raise BrokerError(
                f"The training run did not end within {STOP_WITHIN:g} s; see {log_file}."
            ) from error
    if not draft.exists():
        raise BrokerError(f"The training run left no ahead-of-time cache; see {log_file}.")
    draft.replace(aot_cache(cache, profile))
    shutil.rmtree(folder)


@contextmanager
def _running(argv: list[str], log: IO[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        argv,
        stdout=log,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        preexec_fn=_end_with_parent,  # noqa: PLW1509 - no thread runs yet that could hold a lock
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _end_with_parent() -> None:
    """Have the kernel end this process with its parent: a killed set-up leaves no broker behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG


def _two_free_ports() -> tuple[int, int]:
    # Below 32768: a poll of a port in the ephemeral range can connect to itself and keep the broker out.
    found: list[int] = []
    start = os.getpid() % 10_000
    for number in range(10_000):
        port = 20_000 + (start + number) % 10_000
        with closing(socket.socket()) as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        found.append(port)
        if len(found) == 2:
            return found[0], found[1]
    raise BrokerError(f"No two ports between 20000 and 30000 are free on {LOOPBACK} for the training run.")


def _wait_listening(process: subprocess.Popen[bytes], port: int, log_file: Path) -> None:
    end = time.monotonic() + START_WITHIN
    while time.monotonic() < end:
        if process.poll() is not None:
            raise BrokerError(f"The training run ended with code {process.returncode}; see {log_file}.")
        try:
            socket.create_connection((LOOPBACK, port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise BrokerError(f"The training run did not listen within {START_WITHIN:g} s; see {log_file}.")


def _traffic(bootstrap: str) -> None:
    """Do once what the services do all day, so that its classes are in the cache."""
    from confluent_kafka import Consumer, Producer, TopicPartition  # noqa: PLC0415 - only a first set-up needs it
    from confluent_kafka.admin import (  # type: ignore[attr-defined]  # noqa: PLC0415 - its NewTopic is not exported
        AdminClient,
        NewTopic,
    )

    topic = "training"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, num_partitions=3, replication_factor=1)])[topic].result(START_WITHIN)
    producer = Producer(
        {"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 0.5, "log_level": 3}
    )
    for number in range(2_000):
        producer.produce(topic, key=str(number % 7).encode(), value=b'{"symbol":"BTCUSDT"}' * 5)
        producer.poll(0)
    producer.flush(START_WITHIN)
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "training", "auto.offset.reset": "earliest"}
    )
    with closing(consumer):
        consumer.subscribe([topic])
        consumer.consume(500, timeout=5)
        consumer.commit(asynchronous=False)
        for partition in range(3):
            consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=5)
        consumer.list_topics(timeout=5)
