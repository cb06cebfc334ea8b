"""What cannot be stored goes to the dead-letter topic with its bytes, its reason and where it came from."""

import time
from collections.abc import Sequence

import confluent_kafka as kafka

from tickerplant.writer.decode import Reject

_PATIENCE_SECONDS = 10.0


class NotDeliveredError(RuntimeError):
    """Dead letters did not reach the broker; nothing of their batch may be committed."""


class DeadLetters:
    """Sends rejects to a topic.

    Args:
        bootstrap: address of the brokers.
        topic: the dead-letter topic.
        source_topic: the topic that the rejects come from.
    """

    def __init__(self, bootstrap: str, topic: str, source_topic: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._source_topic = source_topic
        self._producer: kafka.Producer | None = None
        self._failures: list[str] = []

    def send(self, rejects: Sequence[Reject]) -> None:
        """Send rejects and wait until the broker has them.

        Raises:
            NotDeliveredError: some did not get there.
        """
        if not rejects:
            return
        producer = self._connected()
        received = str(time.time_ns() // 1_000)
        for reject in rejects:
            producer.produce(
                self._topic,
                value=reject.value,
                headers={
                    "reason": reject.reason,
                    "source": "kafka",
                    "position": f"{self._source_topic}/{reject.partition}/{reject.offset}",
                    "received_us": received,
                },
                on_delivery=self._on_delivery,
            )
            producer.poll(0)
        waiting = producer.flush(_PATIENCE_SECONDS)
        if waiting or self._failures:
            reason = self._failures[0] if self._failures else "the broker does not answer"
            self._failures.clear()
            raise NotDeliveredError(f"dead letters did not reach the topic {self._topic}: {reason}")

    def close(self) -> None:
        """Let go of the connection; everything that was sent has arrived."""
        self._producer = None

    def _connected(self) -> kafka.Producer:
        # Most writers never meet a bad message: the producer's threads and buffers are made for the first.
        if self._producer is None:
            self._producer = kafka.Producer(
                {
                    "bootstrap.servers": self._bootstrap,
                    "client.id": "tickerplant-writer-dead-letters",
                    "acks": "all",
                    "enable.idempotence": True,
                    "message.timeout.ms": int(_PATIENCE_SECONDS * 1_000),
                    "allow.auto.create.topics": False,
                    "log_level": 0,  # librdkafka would write to standard error; failures reach on_delivery
                }
            )
        return self._producer

    def _on_delivery(self, error: kafka.KafkaError | None, _message: object) -> None:
        if error is not None:
            self._failures.append(error.str())
