"""The jars that make up the broker, pinned by version and checksum in `kafka.lock`."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tickerplant.broker.errors import BrokerError

LOCK_FILE = Path(__file__).with_name("kafka.lock")
KAFKA = "org.apache.kafka:kafka_2.13"
HEAD = (
    "# The jars of the embedded Kafka broker: group:artifact:version sha256\n"
    "# Written by `python -m tickerplant.broker lock VERSION`.\n"
)


@dataclass(frozen=True)
class Jar:
    """One published artifact and the checksum that it must have."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def coordinate(self) -> str:
        """The artifact as Maven writes it."""
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def filename(self) -> str:
        """The file's name in the cache and on the class path."""
        return f"{self.artifact}-{self.version}.jar"


def read_lock(path: Path = LOCK_FILE) -> tuple[Jar, ...]:
    """Return the pinned jars in the order of the class path."""
    jars = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        coordinate, _, sha256 = line.partition(" ")
        parts = coordinate.split(":")
        if len(parts) != 3 or len(sha256) != 64:
            raise BrokerError(
                f"{path.name}, line {number}: found '{line}', expected group:artifact:version sha256."
            )
        jars.append(Jar(parts[0], parts[1], parts[2], sha256))
    return tuple(jars)


def write_lock(jars: Iterable[Jar], path: Path = LOCK_FILE) -> None:
    """Pin these jars."""
    lines = "".join(f"{jar.coordinate} {jar.sha256}\n" for jar in jars)
    path.write_text(HEAD + lines, encoding="utf-8")


def kafka_version(jars: Iterable[Jar]) -> str:
    """Return the version of Kafka itself."""
    return next(jar.version for jar in jars if f"{jar.group}:{jar.artifact}" == KAFKA)


def checksum(path: Path) -> str:
    """Return the file's sha256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
