"""The broker's settings: one node, small, quick to start, nothing created by accident."""

from dataclasses import dataclass
from pathlib import Path

from tickerplant.settings import Environment

CLUSTER_ID = "dGlja2VycGxhbnQta2Fma2"  # 16 bytes in URL-safe base64, as Kafka wants it
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class BrokerSettings:
    """Where one broker listens and keeps its data."""

    port: int
    controller_port: int
    data: Path
    host: str = LOOPBACK
    advertised_host: str = LOOPBACK
    published_port: int = 0
    """In a container: the port of the host's loopback by which clients outside find it; 0: none."""

    @classmethod
    def read(cls, environment: Environment) -> "BrokerSettings":
        """Read them from the environment."""
        host = environment.text("KAFKA_HOST", LOOPBACK)
        return cls(
            port=environment.port("KAFKA_PORT"),
            controller_port=environment.port("KAFKA_CONTROLLER_PORT"),
            data=Path(environment.text("STATE_DIR")).absolute() / "kafka",
            host=host,
            advertised_host=environment.text("KAFKA_ADVERTISED_HOST", host),
            published_port=environment.port("KAFKA_PUBLISHED_PORT", 0),
        )


def properties(settings: BrokerSettings) -> str:
    """Return the text of `server.properties`."""
    listeners = f"PLAINTEXT://{settings.host}:{settings.port}"
    advertised = f"PLAINTEXT://{settings.advertised_host}:{settings.port}"
    if settings.published_port:
        listeners += f",PUBLISHED://{settings.host}:{settings.published_port}"
        advertised += f",PUBLISHED://{LOOPBACK}:{settings.published_port}"
    values: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{LOOPBACK}:{settings.controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{listeners},CONTROLLER://{LOOPBACK}:{settings.controller_port}",
        "advertised.listeners": advertised,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PUBLISHED:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": settings.data / "data",
        # A look at a topic that does not exist must not make it.
        "auto.create.topics.enable": False,
        "num.partitions": 1,
        # One node: internal topics cannot have more copies, and one partition of each is plenty.
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        # A first consumer need not wait for others to join it.
        "group.initial.rebalance.delay.ms": 0,
        # A killed broker may come back when its old session has run out; by default that takes 9 s.
        "broker.session.timeout.ms": 2_000,
        "broker.heartbeat.interval.ms": 500,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 2,
        "num.recovery.threads.per.data.dir": 2,
        # The cleaner would claim 128 MB of heap at start.
        "log.cleaner.dedupe.buffer.size": 4_194_304,
        "log.cleaner.io.buffer.size": 262_144,
        "log.segment.bytes": 134_217_728,
        "log.index.size.max.bytes": 1_048_576,
        "log.retention.hours": 24,
        "message.max.bytes": 2_097_152,
    }
    return "".join(f"{key}={_text(value)}\n" for key, value in values.items())


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).replace("\\", "\\\\")
