"""Where messages come from: partitions of one Kafka topic, read from offsets that the table tells."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import confluent_kafka as kafka
import numpy as np
import numpy.typing as npt

from tickerplant.service import Log
from tickerplant.writer.stall import StallWatch

GROUP = "tickerplant-writer"

# Bounds what librdkafka reads ahead, so that a backlog does not become memory.
_READ_AHEAD_KIB = 4_096
_FETCH_BYTES = 2_097_152

_LOOK_SECONDS = 30.0

# A broker that gives no answer for so long is asked again; it cannot be reached when it gives none for twice as long (a
# paused one keeps its connections), and may have been forgotten by a consumer that gets none for longer still.
_ANSWER_SECONDS = 1.0
_UNREACHABLE_SECONDS = 2.0
_FORGOTTEN_SECONDS = 5.0


@dataclass(frozen=True)
class Polled:
    """Messages in the order received: value, partition and offset of each."""

    values: Sequence[bytes | None]
    partitions: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.values)


class Source(Protocol):
    """What the writer needs of a stream of messages."""

    @property
    def unreachable(self) -> str | None:
        """Why messages cannot be had at all, or None while they can."""

    @property
    def stuck(self) -> Mapping[int, int]:
        """The messages that wait in each partition from which none come."""

    def start(self, offsets: Mapping[int, int]) -> None:
        """Read on from these offsets; partitions without one are read from their beginning."""

    def poll(self, limit: int, seconds: float) -> Polled:
        """Return up to `limit` messages; wait at most `seconds` for the first ones."""

    def lag(self) -> Mapping[int, int] | None:
        """Return the messages a partition that wait to be polled; None until all are known."""

    def save(self, offsets: Mapping[int, int]) -> None:
        """Tell the consumer group, for whoever monitors it. Nothing is ever read back from there."""

    def close(self) -> None:
        """Let go of the connection."""


class TopicMissingError(RuntimeError):
    """The topic does not exist yet, or the broker cannot be reached."""


class KafkaSource:
    """Reads one topic in bulk, all partitions assigned by hand; a consumer that is stuck is replaced.

    The topic must hold no transactions: their marks take offsets that no message has.

    Args:
        bootstrap: address of the brokers.
        topic: the topic to read.
        log: takes what goes wrong on the way.
        look_every: seconds between two looks for partitions that were added to the topic.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        log: Log,
        *,
        look_every: float = _LOOK_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_every = look_every
        self._clock = clock
        self._next_look = 0.0
        self._topic = topic
        self._log = log
        self._unreachable: str | None = None
        self._unanswered_since: float | None = None
        self._positions: dict[int, int] = {}
        self._watch = StallWatch(clock)
        self._bootstrap = bootstrap
        self._consumer = self._connected()

    @property
    def unreachable(self) -> str | None:
        """Why the broker cannot be reached, or None while it can."""
        return self._unreachable

    @property
    def stuck(self) -> Mapping[int, int]:
        """The messages that wait in each partition from which none come, as of the last look."""
        return self._watch.stuck

    def start(self, offsets: Mapping[int, int]) -> None:
        """Assign every partition of the topic at its offset.

        Raises:
            TopicMissingError: there is no such topic, or no broker to ask; try again later.
        """
        try:
            topics = self._consumer.list_topics(self._topic, timeout=1.0).topics
        except kafka.KafkaException as error:
            self._unanswered(error)
            raise TopicMissingError(f"the broker does not answer: {error.args[0].str()}") from error
        found = topics[self._topic]
        if found.error is not None or not found.partitions:
            raise TopicMissingError(f"the topic {self._topic} does not exist")
        # The broker has answered: what the client still has to tell of the time before is no news any more.
        self._consumer.poll(0)
        self._note_reachable()
        self._positions = {number: offsets.get(number, kafka.OFFSET_BEGINNING) for number in found.partitions}
        self._assign()
        self._next_look = self._clock() + self._look_every

    def poll(self, limit: int, seconds: float) -> Polled:
        """Return up to `limit` messages; wait at most `seconds`."""
        if self._unreachable is None and self._clock() >= self._next_look:
            self._take_new_partitions()
        values: list[bytes | None] = []
        partitions: list[int] = []
        offsets: list[int] = []
        for message in self._consumer.consume(limit, seconds):
            error, number, offset = message.error(), message.partition(), message.offset()
            if error is not None or number is None or offset is None:
                self._log.warning("kafka", reason=error.str() if error else "a message without a position")
                continue
            values.append(message.value())
            partitions.append(number)
            offsets.append(offset)
        polled = Polled(values, np.array(partitions, dtype=np.int32), np.array(offsets, dtype=np.int64))
        if values:
            self._unreachable = self._unanswered_since = None
            self._tell_of_jumps(polled)
            progress = next_offsets(polled)
            self._positions |= progress
            self._watch.heard(progress)
        elif self._unreachable is not None:
            self._look_again()
        if self._unreachable is None and (quiet := self._watch.quiet()):
            self._look_for_a_stall(quiet)
        return polled

    def lag(self) -> Mapping[int, int] | None:
        """Compare positions with what the last fetch of each partition told; costs no request."""
        lags = {}
        for number, position in self._positions.items():
            low, high = self._consumer.get_watermark_offsets(
                kafka.TopicPartition(self._topic, number), cached=True
            )
            if high < 0:
                return None
            # A partition that was not read yet is at its beginning, wherever that is.
            lags[number] = high - (position if position >= 0 else max(low, 0))
        return lags or None

    def save(self, offsets: Mapping[int, int]) -> None:
        """Commit the group's offsets in the background."""
        positions = [kafka.TopicPartition(self._topic, number, at) for number, at in offsets.items()]
        try:
            self._consumer.commit(offsets=positions, asynchronous=True)
        except kafka.KafkaException as error:
            self._log.warning("group offsets not saved", reason=error.args[0].str())

    def close(self) -> None:
        """Leave; waits for offsets that are on their way."""
        self._consumer.close()

    def _connected(self) -> kafka.Consumer:
        return kafka.Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": GROUP,
                "client.id": GROUP,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "allow.auto.create.topics": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 100,
                "queued.max.messages.kbytes": _READ_AHEAD_KIB,
                "fetch.max.bytes": _FETCH_BYTES,
                "message.max.bytes": _FETCH_BYTES,
                "max.partition.fetch.bytes": _FETCH_BYTES // 4,
                "reconnect.backoff.ms": 50,
                "reconnect.backoff.max.ms": 100,
                "fetch.error.backoff.ms": 100,
                "check.crcs": True,
                "log_level": 0,  # librdkafka would write to standard error; what matters reaches error_cb
                "error_cb": self._on_error,
                "on_commit": self._on_commit,
            }
        )

    def _assign(self) -> None:
        self._consumer.assign(
            [kafka.TopicPartition(self._topic, number, at) for number, at in self._positions.items()]
        )
        self._watch.begun(self._positions)

    def _look_for_a_stall(self, quiet: Sequence[int]) -> None:
        """Ask how far the partitions go from which nothing came; take another consumer if this one is stuck."""
        self._watch.put_off(quiet)
        try:
            end = self._bounds(quiet, kafka.OFFSET_END)
            # A partition of which nothing was read yet, or whose beginning was deleted, is read from its first offset.
            behind = [number for number in end if end[number] > max(self._positions[number], 0)]
            first = self._bounds(behind, kafka.OFFSET_BEGINNING) if behind else {}
        except kafka.KafkaException as error:
            self._unanswered(error)
            return
        self._note_reachable()
        waiting = {
            number: (max(self._positions[number], first.get(number, 0)), end[number])
            for number in end
            if number in first or number not in behind
        }
        if not self._watch.looked(waiting):
            return
        self._log.error("consumer stuck", waiting=dict(self.stuck))
        self._replace_consumer()

    def _unanswered(self, error: kafka.KafkaException) -> None:
        """Note that a question failed; a consumer that gets no answer for some seconds is replaced."""
        reason, now = error.args[0].str(), self._clock()
        self._log.debug("kafka", reason=reason)
        if self._unanswered_since is None:
            self._unanswered_since = now
        silent = now - self._unanswered_since
        if silent >= _UNREACHABLE_SECONDS:
            self._note_unreachable(reason)
        if silent >= _FORGOTTEN_SECONDS:
            self._unanswered_since = now
            self._replace_consumer()

    def _replace_consumer(self) -> None:
        """Read on with a new consumer; what the old one had fetched is fetched again."""
        old, self._consumer = self._consumer, self._connected()
        self._assign()
        # It may wait for answers that never come; nothing depends on them.
        threading.Thread(target=old.close, name="old-consumer", daemon=True).start()

    def _bounds(self, partitions: Sequence[int], which: int) -> dict[int, int]:
        """Return the first or the next offset of each partition, as the broker knows it now; one request."""
        asked = [kafka.TopicPartition(self._topic, number, which) for number in partitions]
        found = self._consumer.offsets_for_times(asked, timeout=_ANSWER_SECONDS)
        return {each.partition: each.offset for each in found if each.error is None}

    def _take_new_partitions(self) -> None:
        """Read partitions that were added to the topic too, each from its beginning."""
        self._next_look = self._clock() + self._look_every
        try:
            found = self._consumer.list_topics(self._topic, timeout=1.0).topics[self._topic]
        except kafka.KafkaException as error:
            self._log.debug("kafka", reason=error.args[0].str())
            return
        added = sorted(found.partitions.keys() - self._positions.keys())
        if found.error is None and added:
            self._positions |= dict.fromkeys(added, kafka.OFFSET_BEGINNING)
            self._assign()
            self._log.info("partitions added", partitions=added)

    def _tell_of_jumps(self, polled: Polled) -> None:
        """Say so when the topic no longer holds what was to be read next, or was made anew."""
        for number in np.unique(polled.partitions).tolist():
            found = int(polled.offsets[polled.partitions == number].min())
            expected = self._positions[number]
            if expected >= 0 and found != expected:
                self._log.error("source jumped", partition=number, expected=expected, found=found)

    def _look_again(self) -> None:
        """Ask whether the broker is back; librdkafka tells of losses only."""
        try:
            self._consumer.list_topics(self._topic, timeout=0.5)
        except kafka.KafkaException as error:
            self._unanswered(error)
        else:
            self._note_reachable()

    def _note_reachable(self) -> None:
        self._unanswered_since = None
        if self._unreachable is not None:
            self._unreachable = None
            self._log.info("kafka reachable again")

    def _on_error(self, error: kafka.KafkaError) -> None:
        if error.code() != kafka.KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - public, in spite of its name
            self._log.debug("kafka", reason=error.str())
        else:
            self._note_unreachable(error.str())

    def _note_unreachable(self, reason: str) -> None:
        if self._unreachable is None:
            self._unreachable = reason
            self._log.warning("kafka unreachable", reason=reason)

    def _on_commit(self, error: kafka.KafkaError | None, _partitions: object) -> None:
        if error is not None:
            self._log.warning("group offsets not saved", reason=error.str())


def next_offsets(polled: Polled) -> dict[int, int]:
    """Return the offset to read next, of each partition that was polled."""
    return {
        int(number): int(polled.offsets[polled.partitions == number].max()) + 1
        for number in np.unique(polled.partitions)
    }
