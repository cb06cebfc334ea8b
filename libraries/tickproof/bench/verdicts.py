"""How fast and in how little memory a large ledger is judged, beside DuckDB and beside Python's sets."""

import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from tickproof.bench.figures import Figure, at_most
from tickproof.bench.process import MeasureError, fresh, peak_memory_mb, say
from tickproof.ledger.store import StoredRows
from tickproof.verdicts import Guarantee, judge

ROWS = 10_000_000
RUNS = 3
THREADS = 2
MOST_SECONDS = 3
MOST_MEMORY_MB = 1_000
HERE = "tickproof.bench.verdicts"

FULL_JOIN = """
    SELECT
        count(*) FILTER (WHERE seen.symbol IS NULL) AS lost,
        count(*) FILTER (WHERE sent.symbol IS NULL) AS phantom,
        count(*) FILTER (WHERE sent.symbol IS NOT NULL AND seen.symbol IS NOT NULL) AS met,
        count(*) FILTER (
            WHERE sent.symbol IS NOT NULL AND seen.symbol IS NOT NULL
            AND (sent.price, sent.quantity, sent.event_time, sent.side)
            IS DISTINCT FROM (seen.price, seen.quantity, seen.event_time, seen.side)
        ) AS altered
    FROM read_parquet(?) AS sent
    FULL JOIN read_parquet(?) AS seen ON sent.symbol = seen.symbol AND sent.trade_id = seen.trade_id
"""


def measure(rows: int = ROWS) -> list[dict[str, Any]]:
    """Measure the judge and its peers on the same files, each in a fresh process."""
    with tempfile.TemporaryDirectory(prefix="tickproof-bench-") as folder:
        planted = fresh("tickproof.bench.dataset", "write", folder, rows)
        ours, joined = [], []
        for number in range(RUNS):
            say(f"judging {rows:,} trades: run {number + 1} of {RUNS}")
            ours.append(fresh(HERE, "ours", folder))
            say(f"the same by a DuckDB full join: run {number + 1} of {RUNS}")
            joined.append(fresh(HERE, "full_join", folder))
        say("the same by Python's sets")
        by_sets = fresh(HERE, "sets", folder)
    for who, result in (("judge", ours[0]), ("full join", joined[0]), ("set check", by_sets)):
        wrong = {kind: planted[kind] for kind in planted if result.get(kind, planted[kind]) != planted[kind]}
        if wrong:
            raise MeasureError(f"the {who} found {result}, but what was planted is {planted}")
    return [figure.as_json() for figure in figures(rows, ours, joined, by_sets)]


def figures(
    rows: int, ours: list[dict[str, Any]], joined: list[dict[str, Any]], by_sets: dict[str, Any]
) -> list[Figure]:
    """Make figures of the results."""
    size = f"{rows / 1e6:g} M sent and seen trades"
    seconds, join_seconds = (statistics.median(run["seconds"] for run in runs) for runs in (ours, joined))
    memory, join_memory = (max(run["memory_mb"] for run in runs) for runs in (ours, joined))
    return [
        replace(
            at_most(f"{size} judged: loss, duplicates, content, order", round(seconds, 2), "s", MOST_SECONDS),
            peer=f"DuckDB full join, without order: {join_seconds:.1f} s",
            ratio=round(join_seconds / seconds, 1),
        ),
        replace(
            at_most(f"{size} judged: peak memory", round(memory), "MB", MOST_MEMORY_MB),
            peer=f"DuckDB full join: {join_memory:,.0f} MB",
            ratio=round(join_memory / memory, 1),
        ),
        Figure(
            f"{size} judged, beside Python's sets",
            round(seconds, 2),
            "s",
            peer=f"sets, for loss and duplicates alone: {by_sets['seconds']:.1f} s, {by_sets['memory_mb']:,.0f} MB",
            ratio=round(by_sets["seconds"] / seconds, 1),
        ),
    ]


def ours(folder: str) -> dict[str, Any]:
    """Judge the files."""
    started = time.perf_counter()
    verdict = judge(
        StoredRows(Path(folder) / "sent.parquet"),
        StoredRows(Path(folder) / "seen-kafka.parquet"),
        hop="kafka",
        guarantee=Guarantee.EXACTLY_ONCE,
        order=True,
        lanes=True,
    )
    found = {
        name: getattr(verdict, name) for name in ("lost", "duplicated", "altered", "phantom", "out_of_order")
    }
    return _result(started, **found)


def full_join(folder: str) -> dict[str, Any]:
    """Ask DuckDB."""
    started = time.perf_counter()
    files = [f"{folder}/sent.parquet", f"{folder}/seen-kafka.parquet"]
    with duckdb.connect(config={"threads": THREADS}) as connection:
        found = connection.execute(FULL_JOIN, files).fetchone()
    assert found is not None
    lost, phantom, met, altered = found
    sent = pq.read_metadata(files[0]).num_rows
    return _result(started, lost=lost, duplicated=met - (sent - lost), altered=altered, phantom=phantom)


def sets(folder: str) -> dict[str, Any]:
    """Ask Python's sets, for loss and duplicates alone."""
    started = time.perf_counter()
    sent, seen, rows = set[tuple[str, int]](), set[tuple[str, int]](), 0
    for name, keys in (("sent", sent), ("seen-kafka", seen)):
        for batch in StoredRows(Path(folder) / f"{name}.parquet").batches(("symbol", "trade_id")):
            keys.update(zip(batch["symbol"].to_pylist(), batch["trade_id"].to_pylist(), strict=True))
            rows += len(batch) if keys is seen else 0
    return _result(started, lost=len(sent - seen), duplicated=rows - len(seen), phantom=len(seen - sent))


def _result(started: float, **found: int) -> dict[str, Any]:
    return {"seconds": time.perf_counter() - started, "memory_mb": peak_memory_mb(), **found}
