"""What cannot be stored goes to the dead-letter topic with its bytes, its reason and where it came from."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import confluent_kafka as kafka

from tickerplant.writer.decode import Reject

_PATIENCE_SECONDS = 10.0

# As large as what the broker takes; librdkafka itself stops at 1,000,000 bytes unless told otherwise.
_LARGEST = 2_097_152

# A message as large as that has no room left for the headers: so much of it is kept.
_BEGINNING = 65_536

_TOO_LARGE = kafka.KafkaError.MSG_SIZE_TOO_LARGE


class NotDeliveredError(RuntimeError):
    """Dead letters did not reach the broker; nothing of their batch may be committed."""


@dataclass(frozen=True)
class _Letter:
    value: bytes
    headers: Mapping[str, str]

    def beginning(self) -> "_Letter":
        """Return what is kept of a letter that is too large; its header `truncated` tells the size it had."""
        return _Letter(self.value[:_BEGINNING], {**self.headers, "truncated": str(len(self.value))})


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

    def send(self, rejects: Sequence[Reject]) -> None:
        """Send rejects and wait until the broker has them; of one that is too large for it, the beginning.

        Raises:
            NotDeliveredError: some did not get there.
        """
        if not rejects:
            return
        received = str(time.time_ns() // 1_000)
        too_large = self._deliver([self._letter(reject, received) for reject in rejects])
        if self._deliver([letter.beginning() for letter in too_large]):
            raise NotDeliveredError(f"the topic {self._topic} takes no dead letter of {_BEGINNING} bytes")

    def _letter(self, reject: Reject, received: str) -> _Letter:
        return _Letter(
            reject.value,
            {
                "reason": reject.reason,
                "source": "kafka",
                "position": f"{self._source_topic}/{reject.partition}/{reject.offset}",
                "received_us": received,
            },
        )

    def _deliver(self, letters: Sequence[_Letter]) -> list[_Letter]:
        """Send letters, and return those that are too large."""
        if not letters:
            return []
        producer = self._connected()
        too_large: list[_Letter] = []
        failures: list[str] = []

        def note(letter: _Letter, error: kafka.KafkaError | None, _message: object = None) -> None:
            if error is not None and error.code() == _TOO_LARGE:
                too_large.append(letter)
            elif error is not None:
                failures.append(error.str())

        for letter in letters:
            try:
                producer.produce(
                    self._topic,
                    value=letter.value,
                    headers=dict(letter.headers),
                    on_delivery=partial(note, letter),
                )
            except kafka.KafkaException as error:
                note(letter, error.args[0])
            producer.poll(0)
        waiting = producer.flush(_PATIENCE_SECONDS)
        if waiting or failures:
            reason = failures[0] if failures else "the broker does not answer"
            raise NotDeliveredError(f"dead letters did not reach the topic {self._topic}: {reason}")
        return too_large

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
                    "message.max.bytes": _LARGEST,
                    "enable.idempotence": True,
                    "message.timeout.ms": int(_PATIENCE_SECONDS * 1_000),
                    "allow.auto.create.topics": False,
                    "log_level": 0,  # librdkafka would write to standard error; failures reach on_delivery
                }
            )
        return self._producer
