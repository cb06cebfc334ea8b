"""How long commits take over many of them, and what a row costs: `python -m tickerplant.bench.writer`.

An hour of commits at the pace of one a second, run as fast as they go: rows come from memory, everything behind
the poll is real (decoding, deduplication, Parquet, manifests, catalog, merging, sweeping).
"""

import io
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa

from tickerplant.lake import IDENTIFIER, ensure_table, open_catalog
from tickerplant.service import Log
from tickerplant.writer.commit import Committer
from tickerplant.writer.decode import Decoder
from tickerplant.writer.deduplicate import Deduplicator
from tickerplant.writer.failpoints import Failpoints
from tickerplant.writer.garbage import Garbage
from tickerplant.writer.maintenance import Maintenance
from tickerplant.writer.memory import use_returning_pool
from tickerplant.writer.source import Polled
from tickerplant.writer.state import State, StateStore
from tickerplant.writer.sweeping import Sweeper
from tickerplant.writer.writer import stamped

COMMAND = "python -m tickerplant.bench.writer"

COMMITS = 3_600
ROWS_A_COMMIT = 1_000
SYMBOLS = 200
KEPT_SNAPSHOTS = 200

# What an hour has, in commits, as there is one a second: so the folder at the end is what an hour leaves behind,
# however fast the machine gets through it.
GRACE_COMMITS = 600.0
SWEEP_COMMITS = 900.0

Figure = dict[str, Any]


@dataclass
class Run:
    """What a run of many commits came to."""

    commit_seconds: list[float] = field(default_factory=list)
    commit_cpu_seconds: list[float] = field(default_factory=list)
    row_seconds: list[float] = field(default_factory=list)
    rss_bytes: list[int] = field(default_factory=list)
    files: int = 0
    live_files: int = 0
    metadata_bytes: int = 0
    rows: int = 0


def measure(commits: int = COMMITS, say: Callable[[str], object] = lambda _line: None) -> list[Figure]:
    """Run the bench and return its figures, each a dict as `bench.json` holds them."""
    with tempfile.TemporaryDirectory(prefix="tickerplant-bench-") as folder:
        run = _run(Path(folder), commits, say)
    third = max(1, commits // 3)
    first, last = run.commit_cpu_seconds[:third], run.commit_cpu_seconds[-third:]
    growth = statistics.median(last) / statistics.median(first)
    return [
        _figure("commit time, p50", _percentile(run.commit_seconds, 50) * 1e3, "ms", "<= 60"),
        _figure("commit time, p99", _percentile(run.commit_seconds, 99) * 1e3, "ms", "<= 60"),
        _figure("commit CPU, p99", _percentile(run.commit_cpu_seconds, 99) * 1e3, "ms", "<= 60"),
        _figure("commit CPU, last third to first third", growth, "x", "<= 1.5"),
        _figure("decode and deduplicate", statistics.median(run.row_seconds) * 1e6, "us a row", "<= 10"),
        _figure("memory, last third to first third", _memory_growth(run.rss_bytes), "x", "<= 1.2"),
        _figure("memory, most", max(run.rss_bytes) / 1e6, "MB", "<= 300"),
        _figure("files in the table's folder at the end", run.files, "files", "<= 2500"),
        _figure("live data files at the end", run.live_files, "files", "<= 100"),
        _figure("metadata file at the end", run.metadata_bytes / 1e3, "KB", "<= 400"),
        _figure("rows lost or repeated", abs(run.rows - commits * ROWS_A_COMMIT), "rows", "<= 0"),
    ]


def _run(folder: Path, commits: int, say: Callable[[str], object]) -> Run:
    use_returning_pool()
    log = Log("bench", "error", io.StringIO())
    table = ensure_table(open_catalog(f"sqlite:///{folder}/catalog.db", str(folder / "warehouse")))
    states = StateStore(table, "bench", log)
    committed = 0

    def clock() -> float:
        """Count commits: each is worth a second, as it is when one is made every second."""
        return float(committed)

    garbage = Garbage(table.io, grace=GRACE_COMMITS, clock=clock)
    committer = Committer(
        table,
        states,
        garbage,
        Failpoints(),
        log,
        name="bench",
        keep=KEPT_SNAPSHOTS,
        pause=lambda _seconds: None,
    )
    maintenance = Maintenance(
        table,
        committer,
        garbage,
        Sweeper(table.catalog, IDENTIFIER, grace=GRACE_COMMITS, clock=clock),
        log,
        sweep_every=SWEEP_COMMITS,
        clock=clock,
    )
    decoder, deduplicator = Decoder(), Deduplicator(states.stored_ids)
    state = committer.claim()
    maintenance.start()
    process, run = psutil.Process(), Run()
    for number in range(commits):
        polled = _messages(number)
        began = time.perf_counter()
        fresh = deduplicator.fresh(decoder.decode(polled).rows, state.ids)
        decoded, decoded_cpu = time.perf_counter(), time.thread_time()
        state = State({0: int(polled.offsets[-1]) + 1}, fresh.ids)
        files = committer.append(stamped(fresh.rows), state)
        ended, ended_cpu = time.perf_counter(), time.thread_time()
        committed = number + 1
        maintenance.appended(files)
        maintenance.tick()
        run.row_seconds.append((decoded - began) / ROWS_A_COMMIT)
        run.commit_seconds.append(ended - decoded)
        run.commit_cpu_seconds.append(ended_cpu - decoded_cpu)
        run.rss_bytes.append(process.memory_info().rss)
        if number % 600 == 599:
            say(f"{number + 1} of {commits} commits")
    maintenance.close()
    run.rows = table.scan(selected_fields=("trade_id",)).to_arrow().num_rows
    run.files = sum(1 for path in folder.rglob("*") if path.is_file())
    run.live_files = len(table.inspect.files())
    run.metadata_bytes = Path(table.metadata_location.removeprefix("file://")).stat().st_size
    return run


def _messages(number: int) -> Polled:
    """Make the messages of one commit: every symbol goes on where it was."""
    first = number * ROWS_A_COMMIT
    moment = 1_767_355_200_000_000 + number * 1_000_000
    values = [
        b'{"symbol":"S%03dUSDT","trade_id":%d,"price":"%d.%08d","quantity":"0.00100000","event_time_us":%d,'
        b'"venue_time_us":%d,"side":"buy","source":"live","ingest_time_us":%d}'
        % (row % SYMBOLS, row // SYMBOLS, 60_000 + row % 977, row % 10**8, moment, moment, moment)
        for row in range(first, first + ROWS_A_COMMIT)
    ]
    offsets = np.arange(first, first + ROWS_A_COMMIT, dtype=np.int64)
    return Polled(values, np.zeros(ROWS_A_COMMIT, dtype=np.int32), offsets)


def _figure(name: str, value: float, unit: str, goal: str) -> Figure:
    return {
        "measure": f"writer: {name}",
        "value": round(value, 3),
        "unit": unit,
        "goal": goal,
        "met": value <= float(goal.removeprefix("<= ")),
        "peer": None,
        "ratio": None,
        "command": COMMAND,
    }


def _percentile(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(values, percent))


def _memory_growth(rss: Sequence[int]) -> float:
    third = max(1, len(rss) // 3)
    return statistics.median(rss[-third:]) / statistics.median(rss[:third])


def main() -> int:
    """Print the figures as JSON lines; fail when a goal is missed."""
    commits = int(sys.argv[1]) if len(sys.argv) > 1 else COMMITS
    figures = measure(commits, lambda line: sys.stderr.write(line + "\n"))
    for figure in figures:
        sys.stdout.write(json.dumps(figure) + "\n")
    return 0 if all(figure["met"] for figure in figures) else 1


if __name__ == "__main__":
    pa.set_cpu_count(1)
    sys.exit(main())
