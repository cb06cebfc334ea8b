"""Send a steady flow through a stack of the bench's own, watch it on the way, and judge what came out."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tickproof import ledger
from tickproof.bench.process import MeasureError, say
from tickproof.clock import now_ns
from tickproof.exchange.client import ExchangeClient, Lease, Play, Progress
from tickproof.exchange.plan import draw
from tickproof.ledger import StoredRows
from tickproof.probes.kafka import Ends, KafkaProbe
from tickproof.probes.lake import LakeProbe
from tickproof.stack import Stack
from tickproof.target import load
from tickproof.verdicts import CONTENT, HopVerdict, judge
from tickproof.verdicts.judge import TEXT, TimeUnit
from tickproof.waiting import WaitError, patiently

TARGET = "embedded"
STATE_FOLDER = "TICKPROOF_STATE_DIR"
LEDGERS = Path("results/bench")
EVERY = timedelta(seconds=0.5)
SUBSCRIBED_WITHIN = timedelta(seconds=20)
STALLED_AFTER = timedelta(seconds=10)
SEED = 20_260_102
SYMBOLS_A_READ = 25  # of the lake at a time, so that reading it needs little memory
UNIT: TimeUnit = "us"
NEVER = np.iinfo(np.int64).max

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Flow:
    """What is sent: so many trades a second over so many symbols, for so long."""

    per_second: int
    seconds: float
    symbols: int = 200

    @property
    def trades(self) -> int:
        """Return how many trades that are."""
        return round(self.per_second * self.seconds)


@dataclass(frozen=True, slots=True)
class Sample:
    """How things stood at one time.

    Attributes:
        at_ns: When.
        sent: Rows that the exchange had handed over.
        sending: Whether the flow went on.
        stored: By partition, the first offset that the lake did not hold.
        rss_mb: By service, its resident memory.
    """

    at_ns: int
    sent: int
    sending: bool
    stored: Mapping[int, int]
    rss_mb: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of a flow.

    Attributes:
        played: What the exchange says of the sending.
        samples: How things stood, every half second.
        verdicts: Of Kafka and of the lake.
        lag_s: For each sample while the flow went on, the age of the oldest trade that the lake lacked.
        load_average: Of the machine, over the minute before.
    """

    played: Progress
    samples: tuple[Sample, ...]
    verdicts: tuple[HopVerdict, ...]
    lag_s: npt.NDArray[np.float64]
    load_average: float

    @property
    def during(self) -> tuple[Sample, ...]:
        """Return the samples that were taken while the flow went on."""
        return tuple(sample for sample in self.samples if sample.sending)

    @property
    def per_second(self) -> float:
        """Return at what pace the trades left the exchange."""
        assert self.played.started_ns is not None
        assert self.played.ended_ns is not None
        return self.played.sent / (self.played.ended_ns - self.played.started_ns) * 1e9

    @property
    def wrong(self) -> int:
        """Return how many trades are wrong at a hop, by what the hop promises; and those out of order."""
        return sum(
            verdict.lost
            + verdict.altered
            + verdict.phantom
            + (verdict.out_of_order or 0)
            + (verdict.split or 0)
            + (verdict.duplicated if verdict.guarantee is not verdict.guarantee.AT_LEAST_ONCE else 0)
            for verdict in self.verdicts
        )

    def memory_mb(self, *, without: str = "") -> float:
        """Return the most memory that the services had together while the flow went on."""
        return max(
            sum(rss for name, rss in sample.rss_mb.items() if name != without) for sample in self.during
        )


@contextmanager
def own_state() -> Iterator[None]:
    """Keep the stacks of this process apart from all others, in a folder that goes away."""
    before = os.environ.get(STATE_FOLDER)
    with tempfile.TemporaryDirectory(prefix="tickproof-bench-") as folder:
        os.environ[STATE_FOLDER] = folder
        try:
            yield
        finally:
            os.environ.pop(STATE_FOLDER)
            if before is not None:
                os.environ[STATE_FOLDER] = before


@contextmanager
def own_stack() -> Iterator[Stack]:
    """Run a stack of the reference platform that nobody else uses."""
    with own_state():
        stack = Stack.up(load(TARGET), progress=say)
        try:
            yield stack
        finally:
            stack.down()


def carry(stack: Stack, flow: Flow) -> Carried:
    """Send a flow, wait until it is in the lake or nothing moves any more, and judge it.

    Raises:
        MeasureError: It could not be sent, or a service did not live through it.
    """
    return _Carriage(stack, flow).carry()


class _Carriage:
    def __init__(self, stack: Stack, flow: Flow) -> None:
        self._stack = stack
        self._flow = flow
        self._target = load(TARGET)
        assert self._target.hops.kafka is not None
        assert self._target.hops.lake is not None
        assert self._target.hops.lake.offsets_property is not None
        assert stack.exchange_control_url is not None
        self._topic = self._target.hops.kafka.topic
        self._offsets_property = self._target.hops.lake.offsets_property
        self._exchange = ExchangeClient(stack.exchange_control_url)
        self._kafka = KafkaProbe(self._target, stack.variables)
        self._lake = LakeProbe(self._target, stack.variables)
        self._samples: list[Sample] = []

    def carry(self) -> Carried:
        load_average = os.getloadavg()[0]
        restarts = self._restarts()
        lease = self._exchange.lease(self._flow.symbols)
        self._exchange.wait_subscribed([leased.symbol for leased in lease.symbols], SUBSCRIBED_WITHIN)
        since = self._kafka.ends(self._topic)
        play = self._play(lease)
        self._watch(play, since)
        played = play.progress()
        if played.state != "done":
            raise MeasureError(f"the exchange stopped after {played.sent:,} rows: {played.reason}")
        if died := [name for name, count in self._restarts().items() if count > restarts[name]]:
            raise MeasureError(f"{died[0]} died on the way; see {self._stack.folder}/logs/{died[0]}.log")
        folder = self._saved(play, lease, since)
        say("judging Kafka and the lake")
        carried = Carried(
            played, tuple(self._samples), self._verdicts(folder), self._lags(folder, lease), load_average
        )
        self._exchange.release(lease)
        self._kafka.close()
        if carried.wrong:
            for verdict in carried.verdicts:
                say("\n".join(verdict.sentences()))
            say(f"Evidence: tickproof judge {folder}")
        else:
            shutil.rmtree(folder)
        return carried

    def _play(self, lease: Lease) -> Play:
        # Within the target's domain but for the pace: how much it takes is what is to be found out.
        domain = self._target.domain.model_copy(update={"max_per_second": self._flow.per_second})
        say(f"drawing {self._flow.trades:,} trades")
        plan = draw(
            domain, lease.symbols, trades=self._flow.trades, per_second=self._flow.per_second, seed=SEED
        )
        return self._exchange.play(plan)

    # On the way

    def _watch(self, play: Play, since: Ends) -> None:
        """Sample until all that was sent is in the lake."""
        flow = self._flow
        total = play.progress().total
        before = sum(since[self._topic].values())

        def look() -> Sample:
            progress = play.progress()
            stored = self._stored()
            at_ns = now_ns()
            states = self._stack.status()
            rss_mb = {state.name: state.rss_bytes / 1e6 for state in states}
            sample = Sample(at_ns, progress.sent, progress.state == "running", stored, rss_mb)
            self._samples.append(sample)
            say(
                f"{progress.sent:,} of {total:,} rows sent, {max(0, sum(stored.values()) - before):,} in the lake,"
                f" {sum(rss_mb.values()):,.0f} MB, load {os.getloadavg()[0]:.1f}"
            )
            return sample

        try:
            patiently(
                look,
                until=lambda now: not now.sending and self._is_whole(now, since, total),
                within=timedelta(seconds=60 + 5 * flow.seconds),
                every=EVERY,
                what=f"{total:,} rows should be in the lake",
                describe=lambda now: f"{max(0, sum(now.stored.values()) - before):,}",
                progress=lambda now: now.sent + sum(now.stored.values()),
                stalled_after=STALLED_AFTER,
            )
        except WaitError as error:
            say(str(error))  # the verdicts name what is missing

    def _stored(self) -> dict[int, int]:
        offsets = json.loads(self._lake.summary().get(self._offsets_property) or "{}")
        return {int(partition): int(offset) for partition, offset in offsets.items()}

    def _is_whole(self, now: Sample, since: Ends, total: int) -> bool:
        ends = self._kafka.ends(self._topic)[self._topic]
        sent = sum(ends.values()) - sum(since[self._topic].values())
        return sent >= total and all(now.stored.get(lane, 0) >= end for lane, end in ends.items() if end)

    def _restarts(self) -> dict[str, int]:
        return {state.name: state.restarts for state in self._stack.status()}

    # What came out

    def _saved(self, play: Play, lease: Lease, since: Ends) -> Path:
        kafka, lake = self._target.hops.kafka, self._target.hops.lake
        assert kafka is not None
        assert lake is not None
        meta = {
            "seed": SEED,
            "target": TARGET,
            "hops": {
                "kafka": {"guarantee": kafka.guarantee, "order": True, "lanes": True},
                "lake": {"guarantee": lake.guarantee, "event_time_unit": UNIT},
            },
        }
        say("saving what was sent and seen")
        folder = LEDGERS / f"flow-{self._flow.per_second}"
        shutil.rmtree(folder, ignore_errors=True)
        seen = {
            "kafka": _batches(self._kafka.batches(since)),
            "lake": _batches(self._lake_parts(lease)),
        }
        return ledger.save(folder, play.ledger(), seen, meta)

    def _lake_parts(self, lease: Lease) -> Iterator[pa.Table]:
        first_ids = {leased.symbol: leased.next_id for leased in lease.symbols}
        names = list(first_ids)
        for begin in range(0, len(names), SYMBOLS_A_READ):
            yield self._lake.read({name: first_ids[name] for name in names[begin : begin + SYMBOLS_A_READ]})

    def _verdicts(self, folder: Path) -> tuple[HopVerdict, ...]:
        saved = ledger.load(folder)
        kafka, lake = self._target.hops.kafka, self._target.hops.lake
        assert kafka is not None
        assert lake is not None
        return (
            judge(
                saved.sent,
                saved.seen["kafka"],
                hop="kafka",
                guarantee=kafka.guarantee,
                order=True,
                lanes=True,
                fields=CONTENT + TEXT,
            ),
            judge(
                saved.sent,
                saved.seen["lake"],
                hop="lake",
                guarantee=lake.guarantee,
                event_time_unit=UNIT,
                earlier={"kafka": saved.seen["kafka"]},
            ),
        )

    def _lags(self, folder: Path, lease: Lease) -> npt.NDArray[np.float64]:
        saved = ledger.load(folder)
        lanes = _oldest_from_here(saved.sent, saved.seen["kafka"], lease)
        during = [sample for sample in self._samples if sample.sending]
        return np.array([lag_s(sample, lanes) for sample in during])


def lag_s(sample: Sample, lanes: Mapping[int, tuple[int, Ints]]) -> float:
    """Return the age of the oldest trade that was sent and is not stored, 0 if there is none."""
    oldest = sample.at_ns
    for lane, (first, handed_ns) in lanes.items():
        row = max(0, sample.stored.get(lane, 0) - first)
        if row < len(handed_ns):
            oldest = min(oldest, int(handed_ns[row]))
    return (sample.at_ns - oldest) / 1e9


def _oldest_from_here(sent: StoredRows, seen: StoredRows, lease: Lease) -> dict[int, tuple[int, Ints]]:
    """Return for each lane its first offset, and for each offset when the oldest trade from there on was sent."""
    names = pa.array([leased.symbol for leased in lease.symbols])
    first_ids = np.array([leased.next_id for leased in lease.symbols])
    counts = np.zeros(len(names), np.int64)

    def codes(batch: pa.RecordBatch) -> Ints:
        found: Ints = pc.fill_null(pc.index_in(batch["symbol"].cast(pa.string()), names), -1).to_numpy()
        return found

    for batch in sent.batches(("symbol",)):
        counts += np.bincount(codes(batch), minlength=len(names))
    starts = np.cumsum(counts) - counts - first_ids
    handed = np.zeros(int(counts.sum()), np.int64)
    for batch in sent.batches(("symbol", "trade_id", "due_ns", "handed_ns")):
        times = pc.coalesce(batch["handed_ns"], batch["due_ns"])
        handed[starts[codes(batch)] + batch["trade_id"].to_numpy()] = times.to_numpy()
    found: dict[int, list[tuple[Ints, Ints]]] = {}
    for batch in seen.batches(("symbol", "trade_id", "lane", "offset")):
        code, trade_id = codes(batch), batch["trade_id"].to_numpy()
        rank = trade_id - first_ids[code]
        known = (code >= 0) & (rank >= 0) & (rank < counts[code])
        # What was never sent is the verdict's affair: nobody waits for it.
        times = np.where(known, handed[np.where(known, starts[code] + trade_id, 0)], NEVER)
        lanes, offsets = batch["lane"].to_numpy(), batch["offset"].to_numpy()
        for lane in np.unique(lanes).tolist():
            found.setdefault(lane, []).append((offsets[lanes == lane], times[lanes == lane]))
    return {lane: _from_here(parts) for lane, parts in found.items()}


def _from_here(parts: list[tuple[Ints, Ints]]) -> tuple[int, Ints]:
    offsets = np.concatenate([offset for offset, _ in parts])
    times = np.concatenate([time for _, time in parts])
    by_offset = times[np.argsort(offsets, kind="stable")]
    return int(offsets.min()), np.minimum.accumulate(by_offset[::-1])[::-1]


def _batches(tables: Iterator[pa.Table]) -> Iterator[pa.RecordBatch]:
    for table in tables:
        yield from table.to_batches()


def slope_mb_a_minute(samples: Sequence[Sample], service: str) -> float:
    """Return by how much a service's memory grew a minute over the second half of the samples.

    It is the median of the slopes between all pairs of samples, so that a short peak does not count as growth.
    """
    half = samples[len(samples) // 2 :]
    if len(half) < 2:
        return 0.0
    minutes = np.array([sample.at_ns - half[0].at_ns for sample in half]) / 60e9
    rss = np.array([sample.rss_mb[service] for sample in half])
    earlier, later = np.triu_indices(len(half), k=1)
    return float(np.median((rss[later] - rss[earlier]) / (minutes[later] - minutes[earlier])))
