"""What the consumer group knows of the writer's progress; the writer itself never asks."""

from collections.abc import Mapping

import confluent_kafka as kafka

from tickerplant.service import Environment
from tickerplant.writer.source import GROUP

_ANSWER_SECONDS = 5.0


class Group:
    """The offsets that the writer's consumer group holds."""

    def __init__(self) -> None:
        environment = Environment()
        self._topic = environment.text("TRADES_TOPIC", "market.trades")
        self._consumer = kafka.Consumer(
            {
                "bootstrap.servers": environment.text("KAFKA_BOOTSTRAP"),
                "group.id": GROUP,
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )

    def offsets(self) -> dict[int, int]:
        """Return the offsets that are saved; nothing while there is no topic, no broker or no group."""
        try:
            partitions = self._consumer.list_topics(self._topic, timeout=1.0).topics[self._topic].partitions
            asked = [kafka.TopicPartition(self._topic, number) for number in partitions]
            saved = self._consumer.committed(asked, timeout=_ANSWER_SECONDS) if asked else []
        except kafka.KafkaException:
            return {}
        return {place.partition: place.offset for place in saved if place.offset >= 0}

    def save(self, offsets: Mapping[int, int]) -> None:
        """Save offsets, and wait until the broker has them."""
        places = [kafka.TopicPartition(self._topic, number, at) for number, at in offsets.items()]
        self._consumer.commit(offsets=places, asynchronous=False)

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()
