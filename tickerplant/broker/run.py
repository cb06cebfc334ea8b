"""Become the broker: write its settings, give it a data directory, and hand the process over to Java."""

import os
import shutil
import socket

from tickerplant.broker.cache import BrokerCache
from tickerplant.broker.errors import BrokerError
from tickerplant.broker.jars import read_lock
from tickerplant.broker.jvm import BROKER, aot_cache, chosen_profile, command
from tickerplant.broker.prepare import is_prepared
from tickerplant.broker.properties import LOOPBACK, BrokerSettings, properties
from tickerplant.settings import Environment


def become_broker(environment: Environment) -> None:
    """Replace this process by the JVM; on success this never returns.

    The JVM keeps the process id, so SIGTERM reaches it directly and it shuts the broker down in good order.
    """
    settings = BrokerSettings.read(environment)
    profile = chosen_profile(environment)
    cache = BrokerCache.of(environment, read_lock())
    if not is_prepared(cache, profile):
        raise BrokerError(
            f"Kafka in {cache.folder} is incomplete or damaged: "
            "run `python -m tickerplant.broker prepare` first."
        )
    for name, host, port in (
        ("KAFKA_PORT", settings.host, settings.port),
        ("KAFKA_CONTROLLER_PORT", LOOPBACK, settings.controller_port),
    ):
        _refuse_taken(name, host, port)
    data = settings.data / "data"
    # meta.properties is copied last: a directory that has it is a whole one.
    if not (data / "meta.properties").exists():
        shutil.rmtree(data, ignore_errors=True)
        last = shutil.ignore_patterns("meta.properties")
        shutil.copytree(cache.template, data, ignore=last, copy_function=shutil.copy)
        shutil.copy(cache.template / "meta.properties", data)
    config = settings.data / "server.properties"
    config.write_text(properties(settings), encoding="utf-8")
    extra = [
        f"-XX:AOTCache={aot_cache(cache, profile)}",
        "-XX:+ExitOnOutOfMemoryError",  # better restarted than half alive
        "-Xlog:disable",  # standard output is for JSON lines
        "-Xlog:all=error:stderr",
    ]
    argv = command(cache, profile, BROKER, [str(config)], extra)
    os.execv(argv[0], argv)  # noqa: S606 - no shell is wanted


def _refuse_taken(name: str, host: str, port: int) -> None:
    with socket.socket() as probe:
        # As Java does: what a broker before us left behind does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BrokerError(f"{name} {port} on {host} cannot be listened on: {error.strerror}.") from error
