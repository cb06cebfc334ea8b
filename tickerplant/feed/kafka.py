"""What all of the feed's Kafka clients have in common, and the topics that the feed needs."""

import time
from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined] # it is not in its __all__

from tickerplant.service import Log

ASK_WITHIN = 5.0
# A client that was told by a broker about to end that there is no broker at all believes it for good
# (https://github.com/confluentinc/librdkafka/issues/5301): after so many seconds in vain another one asks.
FORGOTTEN_AFTER = 10.0

# Quick to come back after the broker was away, and silent about it: `error_cb` tells us once.
CLIENT = {
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 100,
    "socket.nagle.disable": True,
    "log_level": 0,
}


def create_topics(
    bootstrap: str, partitions: dict[str, int], log: Log, stopping: Callable[[float], bool]
) -> bool:
    """Create the topics that do not exist yet, waiting for the broker as long as it takes.

    Args:
        bootstrap: The broker's address.
        partitions: Topic -> number of partitions.
        log: Told when the broker lets us wait.
        stopping: Waits for some seconds; tells whether the service shall end.

    Returns:
        False when the service was asked to end before the broker answered.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap, **CLIENT}, logger=None)
    made, told = time.monotonic(), False
    while True:
        if time.monotonic() - made >= FORGOTTEN_AFTER:
            admin = AdminClient({"bootstrap.servers": bootstrap, **CLIENT}, logger=None)
            made = time.monotonic()
        wanted = [NewTopic(topic, number, 1) for topic, number in partitions.items()]
        try:
            admin.list_topics(timeout=1)
            for future in admin.create_topics(wanted, request_timeout=ASK_WITHIN).values():
                while not future.done():
                    if stopping(0.01):
                        return False
                _accept_existing(future.exception())
        except KafkaException as error:
            if not told:
                log.info("waiting_for_kafka", bootstrap=bootstrap, reason=str(error))
                told = True
            if stopping(0.05):
                return False
        else:
            return True


def _accept_existing(error: BaseException | None) -> None:
    exists = isinstance(error, KafkaException) and error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS
    if error is not None and not exists:
        raise error
