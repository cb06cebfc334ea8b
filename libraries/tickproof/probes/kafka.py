"""The topics of a platform, read in bulk by ranges of offsets."""

import dataclasses
import itertools
import uuid
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from robot.api.types import Secret

from tickproof.clock import now_ns
from tickproof.ledger.schemas import SEEN
from tickproof.probes.decoding import decode_values
from tickproof.probes.errors import HopUnreachableError
from tickproof.probes.mapping import Mapper, Positions, Symbols, only
from tickproof.target import KafkaHop, SecretSource, Target, TargetError
from tickproof.verdicts import Void
from tickproof.waiting import WaitError, patiently

Ends = dict[str, dict[int, int]]
"""By topic and partition, the offset that the next record will get."""

RECORD = pa.schema(
    [
        ("key", pa.binary()),
        ("value", pa.binary()),
        ("partition", pa.int64()),
        ("offset", pa.int64()),
        ("time_ns", pa.int64()),
        ("reason", pa.string()),
        ("source", pa.string()),
        ("position", pa.string()),
        ("headers", pa.map_(pa.string(), pa.string())),
    ]
)
"""A record as it is, with all its headers as texts; before them those that the target names for dead letters."""

_BATCH = 20_000

# A consumer waits for as many records as it was asked for or for this long. It is asked for no more than are
# there, so the time-out counts only where offsets have holes (compaction, transactions).
_PATIENCE_S = 0.25

# A client that was told by a broker about to end that there is no broker at all believes it for good
# (https://github.com/confluentinc/librdkafka/issues/5301): a connection of before that gives no answer for so long is
# given up for a new one.
_OLD_S = 2.0

# Reading gives up when not one record came for so long; after a part of that, it goes on with a new connection.
_SILENCE_NS = 15_000_000_000
_RECONNECT_NS = 5_000_000_000


@dataclasses.dataclass
class _Batch:
    """Records in the order of receipt."""

    messages: list[Message]
    partitions: np.ndarray
    offsets: np.ndarray
    seen_ns: int

    def times_ns(self) -> np.ndarray:
        """Return the broker's or the producer's stamps, which are whole milliseconds."""
        return np.array([message.timestamp()[1] for message in self.messages], np.int64) * 1_000_000

    def where(self, row: int) -> str:
        """Say where a record stands."""
        return f"partition {self.partitions[row]}, offset {self.offsets[row]}"


_PASSING = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE}


class _NotYetError(Exception):
    """The broker is about to know."""


class KafkaProbe:
    """Reads the topics of a target. Connects when first asked.

    Args:
        target: The target; its variables may still be open.
        variables: The running stack's variables.
        patience: How long to wait for an answer of the broker.
    """

    def __init__(
        self,
        target: Target,
        variables: Mapping[str, str] | None = None,
        *,
        patience: timedelta = timedelta(seconds=10),
    ) -> None:
        hop = target.resolve(variables or {}).hops.kafka
        if hop is None:
            raise TargetError(
                f"Target {target.name} has no key `hops.kafka`, so there are no topics to read."
            )
        self._hop: KafkaHop = hop
        self._variables = dict(variables or {})
        self._patience = patience
        self._mapper = Mapper("kafka", hop.mapping, keeps_text=hop.keeps_text)

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics of the target: trades, then dead letters and gaps where it has them."""
        others = (self._hop.dead_letters, self._hop.gaps)
        return (self._hop.topic, *(each.topic for each in others if each))

    def ends(self, *topics: str) -> Ends:
        """Tell where the topics end now.

        Args:
            topics: Left out: all topics of the target.

        Returns:
            The end of each partition of each topic; what is read ``since`` there is what comes after.

        Raises:
            HopUnreachableError: The broker does not answer or a topic is not there.
        """
        return {topic: self._ends(topic) for topic in topics or self.topics}

    def count(self, since: Mapping[str, Mapping[int, int]]) -> int:
        """Count the records of the topic of trades since some ends, without reading them."""
        topic = self._hop.topic
        return _records(self._ranges(topic, since, None))

    def read(
        self,
        since: Mapping[str, Mapping[int, int]],
        until: Mapping[str, Mapping[int, int]] | None = None,
        symbols: Symbols | None = None,
    ) -> pa.Table:
        """Read the topic of trades.

        Args:
            since: Ends from which to read.
            until: Ends before which to stop; left out: the ends now.
            symbols: The symbols to keep; a mapping also gives the first trade id of each that counts.

        Returns:
            Sightings (schema SEEN) in the order of receipt: within a lane (partition) that of the offsets.
            ``place`` tells a record's key where it is not the symbol.

        Raises:
            HopUnreachableError: The broker does not answer.
            UnreadableRowError: A record is no trade; names its partition and offset.
            Void: Records of the range are no longer in the topic.
        """
        return pa.concat_tables([SEEN.empty_table(), *self.batches(since, until, symbols)])

    def batches(
        self,
        since: Mapping[str, Mapping[int, int]],
        until: Mapping[str, Mapping[int, int]] | None = None,
        symbols: Symbols | None = None,
    ) -> Iterator[pa.Table]:
        """Read the topic of trades as `read` does, a part at a time."""
        for batch in self._batches(self._hop.topic, self._ranges(self._hop.topic, since, until)):
            values = [value or b"" for value in map(Message.value, batch.messages)]
            rows = decode_values(values, self._hop.columns, batch.where)
            positions = Positions(
                lane=batch.partitions,
                offset=batch.offsets,
                seen_ns=np.full(len(batch.messages), batch.seen_ns, np.int64),
                place=self._strange_keys(batch, rows),
                hop_time_ns=batch.times_ns,
            )
            yield only(self._mapper.sightings(rows, positions, batch.where), symbols)

    def records(
        self,
        topic: str,
        since: Mapping[str, Mapping[int, int]],
        until: Mapping[str, Mapping[int, int]] | None = None,
    ) -> pa.Table:
        """Read any topic as it is, without its mapping.

        Args:
            topic: The topic.
            since: Ends from which to read.
            until: Ends before which to stop; left out: the ends now.

        Returns:
            A table of the schema `RECORD`.
        """
        letters = self._hop.dead_letters
        names = (letters.reason_header, letters.source_header, letters.position_header) if letters else ()
        rows: list[tuple[object, ...]] = []
        batches = self._batches(topic, self._ranges(topic, since, until))
        for message in itertools.chain.from_iterable(batch.messages for batch in batches):
            headers = {name: _text(value) for name, value in dict(message.headers() or []).items()}
            texts = [headers.get(name) if name else None for name in names] or [None] * 3
            rows.append(
                (
                    message.key(),
                    message.value(),
                    message.partition(),
                    message.offset(),
                    message.timestamp()[1] * 1_000_000,
                    *texts,
                    list(headers.items()),
                )
            )
        columns = zip(*rows, strict=True) if rows else ((),) * len(RECORD)
        return pa.table([pa.array(c, f.type) for c, f in zip(columns, RECORD, strict=True)], schema=RECORD)

    def dead_letters(
        self, since: Mapping[str, Mapping[int, int]], until: Mapping[str, Mapping[int, int]] | None = None
    ) -> pa.Table:
        """Read the dead letters: original bytes, and why and where they were set aside (schema `RECORD`)."""
        if self._hop.dead_letters is None:
            raise TargetError("The target has no key `hops.kafka.dead_letters`.")
        return self.records(self._hop.dead_letters.topic, since, until)

    def gaps(
        self, since: Mapping[str, Mapping[int, int]], until: Mapping[str, Mapping[int, int]] | None = None
    ) -> pa.Table:
        """Read the reports of gaps that the platform could not repair (schema `RECORD`)."""
        if self._hop.gaps is None:
            raise TargetError("The target has no key `hops.kafka.gaps`.")
        return self.records(self._hop.gaps.topic, since, until)

    def close(self) -> None:
        """Leave the broker."""
        if "_consumer" in self.__dict__:
            self._consumer.close()
            del self.__dict__["_consumer"]

    @cached_property
    def _consumer(self) -> Consumer:
        settings: dict[str, str | int | bool] = {
            "group.id": f"tickproof-probe-{uuid.uuid4()}",  # the client demands one; nothing is ever stored
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "fetch.wait.max.ms": 10,
            "fetch.min.bytes": 1,
            # By default a full queue stops fetching for a whole second.
            "fetch.queue.backoff.ms": 5,
            "queued.min.messages": 200_000,
            "queued.max.messages.kbytes": 131_072,
            "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 500,
            "log_level": 0,
        }
        for name, value in self._hop.properties.items():
            settings[name] = value if isinstance(value, str) else _opened(value, self._variables).value
        settings["bootstrap.servers"] = self._hop.bootstrap
        return Consumer(settings)

    def _ends(self, topic: str) -> dict[int, int]:
        """Ask the connection that there is; where that one gets no answer, a new one."""
        if "_consumer" in self.__dict__:
            try:
                return self._ends_now(topic, min(_OLD_S, self._patience.total_seconds()))
            except (HopUnreachableError, _NotYetError):
                self.close()
        try:
            return patiently(
                lambda: self._ends_now(topic, self._patience.total_seconds()),
                until=lambda _: True,
                within=self._patience,
                every=timedelta(milliseconds=20),
                what=f"the ends of {topic} should be known",
                tolerate=(_NotYetError,),  # a topic just made, a leader just elected
            )
        except WaitError as error:
            raise HopUnreachableError(f"Kafka at {self._hop.bootstrap}: {error}") from None

    def _ends_now(self, topic: str, patience_s: float) -> dict[int, int]:
        try:
            metadata = self._consumer.list_topics(topic, timeout=patience_s).topics[topic]
            if metadata.error is not None:
                self._unreachable(metadata.error, topic)
            return {
                partition: self._consumer.get_watermark_offsets(
                    TopicPartition(topic, partition), timeout=patience_s
                )[1]
                for partition in sorted(metadata.partitions)
            }
        except KafkaException as error:
            if error.args[0].code() in _PASSING:
                raise _NotYetError(error.args[0].str()) from None
            self._unreachable(error.args[0], topic)

    def _ranges(
        self,
        topic: str,
        since: Mapping[str, Mapping[int, int]],
        until: Mapping[str, Mapping[int, int]] | None,
    ) -> dict[int, tuple[int, int]]:
        if topic not in since:
            raise ValueError(f"There is no end of the topic {topic} to read from; known: {', '.join(since)}.")
        ends = self._ends(topic) if until is None else until[topic]
        # A partition that was added later is read from its beginning.
        ranges = {partition: (since[topic].get(partition, 0), end) for partition, end in ends.items()}
        return {partition: (first, end) for partition, (first, end) in ranges.items() if first < end}

    def _batches(self, topic: str, ranges: Mapping[int, tuple[int, int]]) -> Iterator[_Batch]:
        """Consume exactly the ranges; a partition is done at its end or where the broker says so."""
        if not ranges:
            return
        self._consumer.assign(
            [TopicPartition(topic, partition, first) for partition, (first, _) in ranges.items()]
        )
        partitions = max(ranges) + 1
        position, end = np.zeros(partitions, np.int64), np.zeros(partitions, np.int64)
        for partition, (first, last) in ranges.items():
            position[partition], end[partition] = first, last
        assigned = set(ranges)
        heard_ns = connected_ns = now_ns()
        try:
            while (wanted := int((end - position).clip(min=0).sum())) > 0:
                messages = self._consumer.consume(min(wanted, _BATCH), timeout=_PATIENCE_S)
                batch = self._sorted_out(messages, position, end, topic)
                if batch.messages:
                    heard_ns = batch.seen_ns
                    yield batch
                elif batch.seen_ns - heard_ns > _SILENCE_NS:
                    raise HopUnreachableError(
                        f"Kafka at {self._hop.bootstrap} went silent: {wanted:,} records of {topic}"
                        f" did not come within {_SILENCE_NS // 1_000_000_000} s."
                    )
                elif batch.seen_ns - max(heard_ns, connected_ns) > _RECONNECT_NS:
                    connected_ns = batch.seen_ns
                    self.close()
                    self._consumer.assign(
                        [TopicPartition(topic, partition, int(position[partition])) for partition in assigned]
                    )
                done = [partition for partition in assigned if position[partition] >= end[partition]]
                if done and len(done) < len(assigned):
                    assigned -= set(done)
                    # Others may be writing on; what comes after the range must not crowd out the rest.
                    self._consumer.incremental_unassign(
                        [TopicPartition(topic, partition) for partition in done]
                    )
        except KafkaException as error:
            self._unreachable(error.args[0], topic)
        finally:
            self._consumer.unassign()

    def _sorted_out(
        self, messages: list[Message], position: np.ndarray, end: np.ndarray, topic: str
    ) -> _Batch:
        """Keep the records of the ranges and note how far each partition is."""
        seen_ns = now_ns()
        if any(map(Message.error, messages)):
            for message in messages:
                self._heed(message, position, topic)
            messages = [message for message in messages if message.error() is None]
        partitions = np.array(list(map(Message.partition, messages)), np.int64)
        offsets = np.array(list(map(Message.offset, messages)), np.int64)
        inside = offsets < end[partitions]
        if not inside.all():
            messages = [message for message, keep in zip(messages, inside, strict=True) if keep]
            partitions, offsets = partitions[inside], offsets[inside]
        np.maximum.at(position, partitions, offsets + 1)
        return _Batch(messages, partitions, offsets, seen_ns)

    def _heed(self, message: Message, position: np.ndarray, topic: str) -> None:
        """Act on what the client reports in place of a record."""
        error, partition = message.error(), message.partition()
        if error is None:
            return
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's own public name
            position[partition] = max(position[partition], message.offset() or 0)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - same
            raise Void(
                f"records of {topic}, partition {partition}, from offset {position[partition]:,} on"
                " are no longer in the topic; they were deleted before they could be read."
            )
        elif not error.retriable() and error.code() != KafkaError._TRANSPORT:  # noqa: SLF001 - same
            self._unreachable(error, topic)

    def _strange_keys(self, batch: _Batch, rows: pa.Table) -> pa.Array:
        """Name the keys that are not their trade's symbol; null where all is well."""
        if self._hop.key is None:
            return pa.nulls(rows.num_rows, pa.string())
        keys = list(map(Message.key, batch.messages))
        column = rows[self._hop.key].combine_chunks().cast(pa.binary())
        same = pc.fill_null(pc.equal(pa.array(keys, pa.binary()), column), False)
        if pc.all(same).as_py():
            return pa.nulls(rows.num_rows, pa.string())
        return pa.array(
            [
                None if good else "no key" if key is None else f'key "{_text(key)}"'
                for key, good in zip(keys, same.to_pylist(), strict=True)
            ],
            pa.string(),
        )

    def _unreachable(self, error: KafkaError, topic: str) -> NoReturn:
        raise HopUnreachableError(
            f"Kafka at {self._hop.bootstrap} cannot be read (topic {topic}): {error.str()}."
        ) from None


def _records(ranges: Mapping[int, tuple[int, int]]) -> int:
    return sum(end - first for first, end in ranges.values())


def _text(value: bytes | str | None) -> str | None:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def _opened(source: SecretSource, variables: Mapping[str, str]) -> Secret:
    return source.read(variables)
