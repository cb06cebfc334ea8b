"""How fast probes make sightings: of Kafka's values, beside a plain Python loop, and of an Iceberg table."""

import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

from tickproof.bench.figures import Figure, at_least
from tickproof.bench.process import MeasureError, say
from tickproof.ledger.schemas import DECIMAL
from tickproof.probes.decoding import decode_values
from tickproof.probes.lake import LakeProbe
from tickproof.probes.mapping import Mapper, Positions
from tickproof.target import Target, load

ROWS = 1_000_000
BATCH = 20_000
SYMBOLS = 200
RUNS = 3
GOAL = 500_000


def measure(rows: int = ROWS) -> list[dict[str, Any]]:
    """Measure on the embedded target's own mappings."""
    target = load("embedded")
    values = [_value(n) for n in range(rows)]
    say(f"decoding and mapping {rows:,} values")
    ours = min(_timed(lambda: _decode(target, values)) for _ in range(RUNS))
    say("the same by a loop over json.loads")
    plain = _timed(lambda: _loop(values[: rows // 10])) * 10
    with tempfile.TemporaryDirectory(prefix="tickproof-bench-") as folder:
        say(f"reading a table of {rows:,} rows")
        probe = _lake(target, Path(folder), rows)
        lake = min(_timed(lambda: _expect(rows, probe.read().num_rows)) for _ in range(RUNS))
    kafka = at_least("Kafka probe, values to sightings", round(rows / ours), "trades/s", GOAL)
    return [
        Figure(
            kafka.measure, kafka.value, kafka.unit, kafka.goal, kafka.met,
            f"json.loads and Decimal in a loop: {rows / plain:,.0f} trades/s", round(plain / ours, 1),
        ).as_json(),
        Figure("Lake probe, table to sightings", round(rows / lake), "trades/s").as_json(),
    ]  # fmt: skip


def _value(n: int) -> bytes:
    return (
        b'{"symbol":"SYM%dUSDT","trade_id":%d,"price":"%d.%08d","quantity":"0.%08d","event_time_us":%d,'
        b'"venue_time_us":%d,"side":"buy","source":"live","ingest_time_us":%d}'
    ) % (n % SYMBOLS, n, n, n, n, 10**15 + n, 10**15 + n, 10**15 + n)


def _decode(target: Target, values: list[bytes]) -> None:
    hop = target.hops.kafka
    assert hop is not None
    mapper = Mapper("kafka", hop.mapping, keeps_text=hop.keeps_text)
    seen = 0
    for first in range(0, len(values), BATCH):
        part = values[first : first + BATCH]
        numbers = np.arange(first, first + len(part))
        rows = decode_values(part, hop.columns, str)
        seen += mapper.sightings(rows, Positions(numbers, numbers, numbers), str).num_rows
    _expect(len(values), seen)


def _loop(values: list[bytes]) -> None:
    trades = []
    for value in values:
        row = json.loads(value)
        at = datetime.fromtimestamp(row["event_time_us"] / 1e6, UTC)
        trades.append((row["symbol"], row["trade_id"], Decimal(row["price"]), Decimal(row["quantity"]), at))
    _expect(len(values), len(trades))


def _lake(target: Target, folder: Path, rows: int) -> LakeProbe:
    places = {"CATALOG_URI": f"sqlite:///{folder}/catalog.db", "WAREHOUSE": f"file://{folder}"}
    catalog = SqlCatalog("default", uri=places["CATALOG_URI"], warehouse=places["WAREHOUSE"])
    catalog.create_namespace("market")
    numbers = pa.array(np.arange(rows))
    stamps = numbers.cast(pa.timestamp("us", "UTC"))
    exact = pa.array([Decimal(n) / 1000 for n in range(1000)], DECIMAL).take(pa.array(np.arange(rows) % 1000))
    trades = pa.table(
        {
            "symbol": pa.array([f"SYM{n}USDT" for n in range(SYMBOLS)]).take(
                pa.array(np.arange(rows) % SYMBOLS)
            ),
            "trade_id": numbers,
            "price": exact,
            "quantity": exact,
            "event_time": stamps,
            "side": pa.array(["buy", "sell"]).take(pa.array(np.arange(rows) % 2)),
            "source": pa.array(["live"]).take(pa.array(np.zeros(rows, np.int64))),
            "write_time": stamps,
        }
    )
    table = catalog.create_table("market.trades", trades.schema)
    for first in range(0, rows, rows // 4):
        table.append(trades.slice(first, rows // 4))
    unused = dict.fromkeys(("KAFKA_PORT", "API_PORT", "FEED_PORT", "WRITER_PORT", "STATE_DIR"), "0")
    return LakeProbe(target, {**unused, **places})


def _timed(run: Callable[[], None]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def _expect(rows: int, seen: int) -> None:
    if seen != rows:
        raise MeasureError(f"{seen:,} rows were read, but {rows:,} were there")
