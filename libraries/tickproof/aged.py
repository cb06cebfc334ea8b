"""A platform with a past: many rows, written once by the platform's own writer and kept in the cache.

An Iceberg table names its files by absolute paths, so the warehouse always lives at the same place in the cache; in a
cache that was moved it is made anew. A visit works on hard links to files that never change, and on copies of those
that do (the catalog, Kafka's log).
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tickproof import sealed
from tickproof.exchange import plan, symbols
from tickproof.exchange.client import ExchangeClient
from tickproof.probes.lake import LakeProbe
from tickproof.stack import Stack
from tickproof.stack.folders import cache_folder, only_one
from tickproof.target import Target
from tickproof.waiting import patiently

OLD_SYMBOLS = 100
SEED = 20_260_101
STORED_WITHIN = timedelta(minutes=3)
IMMUTABLE = {".parquet", ".avro"}

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Past:
    """What a platform with a past holds.

    Attributes:
        sent: The ledger of all that was sent then (schema SENT).
        symbols: The symbols that were traded then; the simulated exchange does not know it any more.
    """

    sent: pa.Table
    symbols: tuple[str, ...]


@contextmanager
def platform(target: Target, rows: int, progress: Progress) -> Iterator[tuple[Stack, Past]]:
    """Start a stack over old rows; make them first where the cache has none.

    Args:
        target: A target whose stack takes CATALOG_URI and WAREHOUSE; in containers LAKE_DIR, too.
        rows: How many.
        progress: Called with a line for each step.
    """
    home = place(target, rows)
    home.mkdir(parents=True, exist_ok=True)
    with only_one(
        home / "lock", lambda: progress(f"waiting for another run that uses the old rows in {home}")
    ):
        live, kept = home / "live", home / "kept"
        names = kept_symbols(kept, progress)
        if names is None:
            _make(target, rows, live, kept, progress)
            names = kept_symbols(kept, progress)
            assert names is not None
        _refresh(kept / "lake", live)
        stack = Stack.up(target, progress=progress, environment=_places(live), seed=kept / "state")
        try:
            # The exchange is a new one and would give out their ids again: they are nobody's to lease.
            _exchange(stack).lease(len(names), only=names)
            yield stack, Past(pq.read_table(kept / "sent.parquet"), names)
        finally:
            stack.down()


def place(target: Target, rows: int) -> Path:
    """Return where old rows are kept: those of other services, of another shape, or of another place lie elsewhere."""
    lake, cache = target.hops.lake, cache_folder()
    files = [target.compose_file]
    files += [target.published(lake.published_shape)] if lake and lake.published_shape else []
    told = [os.fsencode(cache), *(file.read_bytes() for file in files if file)]
    return cache / f"past-{target.name}-{rows}-{hashlib.sha256(b''.join(told)).hexdigest()[:8]}"


def kept_symbols(kept: Path, progress: Progress) -> tuple[str, ...] | None:
    """Return the symbols of the old rows that are kept; None where there are none, or not as they were written.

    Args:
        kept: Their folder.
        progress: Told what is damaged.
    """
    try:
        told = sealed.unseal(kept)
    except sealed.BrokenSealError as damaged:
        progress(f"Damaged in {kept}: {damaged}; the old rows are written again.")
        return None
    return None if told is None else tuple(told["symbols"])


def _places(live: Path) -> dict[str, str]:
    return {
        "CATALOG_URI": f"sqlite:///{live}/catalog.db",
        "WAREHOUSE": f"file://{live}/warehouse",
        "LAKE_DIR": str(live),  # what a stack in containers mounts
    }


def _make(target: Target, rows: int, live: Path, kept: Path, progress: Progress) -> None:
    progress(f"Writing {rows:,} old rows, once; they stay in {kept.parent}")
    for folder in (live, kept):
        shutil.rmtree(folder, ignore_errors=True)
    live.mkdir(parents=True)
    stack = Stack.up(target, progress=progress, environment=_places(live))
    try:
        names = list(symbols.catalogue())[-OLD_SYMBOLS:]
        sent = _send(target, rows, stack, names, progress)
        probe = LakeProbe(target, stack.variables)
        wanted = sent.num_rows
        patiently(
            probe.count,
            until=lambda stored: stored >= wanted,
            within=STORED_WITHIN,
            every=timedelta(seconds=1),
            what=f"{wanted:,} old rows should be in the lake",
            describe=lambda stored: f"{stored:,} rows",
            progress=float,
            stalled_after=timedelta(seconds=20),
        )
        for service in ("feed", "writer", "api", "kafka"):
            stack.stop(service)
        shutil.copytree(live, kept / "lake")
        state = kept / "state"
        shutil.copytree(stack.folder / "data" / "kafka", state / "kafka")
        shutil.copytree(stack.folder / "data" / "feed", state / "feed")
        pq.write_table(sent, kept / "sent.parquet", compression="zstd")
        sealed.seal(kept, {"rows": wanted, "symbols": names})
    finally:
        stack.down()


def _send(target: Target, rows: int, stack: Stack, names: list[str], progress: Progress) -> pa.Table:
    exchange = _exchange(stack)
    lease = exchange.lease(len(names), only=names)
    exchange.wait_subscribed(names, timedelta(seconds=20))
    drawn = plan.draw(
        target.domain,
        lease.symbols,
        trades=rows - len(names),
        per_second=target.domain.max_per_second,
        seed=SEED,
    )
    play = exchange.play(drawn)
    progress(f"Sending {drawn.table.num_rows:,} trades at {target.domain.max_per_second:,} a second")
    play.wait(timedelta(seconds=10 + 4 * rows / target.domain.max_per_second))
    return play.ledger()


def _exchange(stack: Stack) -> ExchangeClient:
    assert stack.exchange_control_url is not None
    return ExchangeClient(stack.exchange_control_url)


def _refresh(kept: Path, live: Path) -> None:
    """Lay the old warehouse out anew: links to what never changes, copies of the rest."""
    shutil.rmtree(live, ignore_errors=True)

    def lay(source: str, place: str) -> None:
        if Path(source).suffix in IMMUTABLE:
            os.link(source, place)
        else:
            shutil.copy2(source, place)

    shutil.copytree(kept, live, copy_function=lay)
