"""How fast and how punctually the simulated exchange sends, beside the usual way to write such a server.

The peer is a picows server on uvloop that sends the same payloads, one call a frame, by a timer of its loop.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import picows
import psutil
import uvloop

from tickproof.bench.figures import Figure, at_least, at_most
from tickproof.bench.process import say
from tickproof.clock import now_ns
from tickproof.exchange import frames
from tickproof.exchange.client import ExchangeClient, LeasedSymbol, Play
from tickproof.exchange.plan import draw
from tickproof.exchange.symbols import catalogue
from tickproof.waiting import patiently

FAST_ROWS = 1_000_000
RUNS = 3
PACED_ROWS = 10_000
PACE = 1000
PLANNED_ROWS = 2_000_000
MOST_PLANNING_S = 8
WITHIN = timedelta(seconds=120)
SYMBOLS = 20
ME = "tickproof.bench.exchange"


@dataclass(frozen=True, slots=True)
class Domain:
    """Numbers as the venue's own."""

    price_scale: int = 8
    quantity_scale: int = 8
    integer_digits: int = 10
    max_per_second: int = 1_000_000
    event_time_unit: str = "us"


@dataclass(frozen=True, slots=True)
class Errors:
    """How late frames left, in milliseconds."""

    p50: float
    p99: float

    @classmethod
    def of(cls, late_ns: "np.typing.NDArray[np.int64]") -> "Errors":
        """Return the quantiles."""
        p50, p99 = np.quantile(late_ns, [0.5, 0.99]) / 1e6
        return cls(round(float(p50), 3), round(float(p99), 3))


def measure(
    fast_rows: int = FAST_ROWS, paced_rows: int = PACED_ROWS, planned_rows: int = PLANNED_ROWS
) -> list[dict[str, Any]]:
    """Measure one exchange process with one subscriber."""
    say(f"a plan of {planned_rows:,} trades")
    planning = _planning(planned_rows)
    with tempfile.TemporaryDirectory(prefix="tickproof-bench-") as folder, _exchange(Path(folder)) as venue:
        say(f"{fast_rows:,} frames as fast as they go")
        runs = [venue.fast(fast_rows) for _ in range(RUNS)]
        ours, a_cpu_second = max(run[0] for run in runs), max(run[1] for run in runs)
        peers = max(_peer_fast(fast_rows // 3) for _ in range(RUNS))
        rows = paced_rows
        say(f"{rows:,} frames at {PACE:,}/s, idle")
        idle, real_time = venue.paced(rows)
        idle_peer = _peer_paced(rows)
        say(f"{rows:,} frames at {PACE:,}/s, all cores busy")
        with _busy():
            busy, _ = venue.paced(rows)
            busy_peer = _peer_paced(rows)
    speed = at_least("Exchange, frames to one subscriber, one core", round(ours), "frames/s", 300_000)
    scheduling = "real-time scheduling" if real_time else "no real-time scheduling permitted"
    figures = [
        planning,
        _beside(speed, f"picows: {peers:,.0f} frames/s", ours / peers),
        Figure("Exchange, frames to one subscriber, a second of CPU time", round(a_cpu_second), "frames"),
    ]
    for name, value, peer, goal in (
        ("p50, idle", idle.p50, idle_peer.p50, 0.2),
        ("p99, idle", idle.p99, idle_peer.p99, 1.5),
        ("p50, all cores busy", busy.p50, busy_peer.p50, None),
        ("p99, all cores busy", busy.p99, busy_peer.p99, 1.0 if real_time else None),
    ):
        title = f"Exchange, send error at {PACE:,}/s, {name} ({scheduling})"
        figure = Figure(title, value, "ms") if goal is None else at_most(title, value, "ms", goal)
        figures.append(_beside(figure, f"picows on uvloop: {peer:g} ms", peer / max(value, 0.001)))
    return [figure.as_json() for figure in figures]


def _planning(rows: int) -> Figure:
    """Measure how much CPU time it takes to draw a plan."""
    symbols = [LeasedSymbol(name, 1) for name in list(catalogue())[:200]]
    began = time.process_time()
    draw(Domain(), symbols, trades=rows, per_second=20_000, seed=1, late_share=0.01)
    title = f"Exchange, a plan of {rows / 1e6:g} M trades drawn, CPU time"
    return at_most(title, round(time.process_time() - began, 2), "s", MOST_PLANNING_S)


def _beside(figure: Figure, peer: str, ratio: float) -> Figure:
    return Figure(figure.measure, figure.value, figure.unit, figure.goal, figure.met, peer, round(ratio, 1))


# The exchange and its subscriber, each a process of its own.


class _Venue:
    """A running exchange."""

    def __init__(self, addresses: dict[str, Any]) -> None:
        self._process = psutil.Process(addresses["pid"])
        self._client = ExchangeClient(addresses["control_url"])
        self._lease = self._client.lease(SYMBOLS)
        self._names = [one.symbol for one in self._lease.symbols]
        streams = "/".join(frames.stream_name(name) for name in self._names)
        self._url = f"{addresses['ws_url']}/stream?streams={streams}"

    def fast(self, rows: int) -> tuple[float, float]:
        """Send as fast as it goes; return frames a second of real time and of the exchange's CPU time."""
        before = self._cpu_s()
        with _subscriber(self._url, rows) as subscriber:
            self._play(rows, None)
            return _rate(subscriber), rows / (self._cpu_s() - before)

    def _cpu_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def paced(self, rows: int) -> tuple[Errors, bool]:
        """Send at the pace; return how late frames left, and whether that was with real-time scheduling."""
        with _subscriber(self._url, rows) as subscriber:
            play = self._play(rows, PACE)
            _rate(subscriber)
        sent = play.ledger()
        real_time = next(one["real_time"] for one in self._client.state()["plays"] if one["play"] == play.id)
        return Errors.of(sent["gone_ns"].to_numpy() - sent["due_ns"].to_numpy()), bool(real_time)

    def _play(self, rows: int, per_second: int | None) -> Play:
        counters = self._client.state()["counters"]
        symbols = [LeasedSymbol(name, counters[name]) for name in self._names]
        plan = draw(Domain(), symbols, trades=rows, per_second=per_second, seed=1, sentinels=False)
        self._client.wait_subscribed(self._names, WITHIN)
        play = self._client.play(plan)
        play.wait(WITHIN)
        return play


@contextmanager
def _exchange(folder: Path) -> Iterator[_Venue]:
    process = subprocess.Popen([sys.executable, "-m", "tickproof.exchange", "--state", str(folder)])
    try:
        file = folder / "exchange.json"
        patiently(
            file.exists,
            until=bool,
            within=timedelta(seconds=20),
            every=timedelta(milliseconds=10),
            what="the exchange should start",
        )
        _pin(process.pid, 0)
        yield _Venue(json.loads(file.read_text()))
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _subscriber(url: str, total: int) -> Iterator["subprocess.Popen[str]"]:
    with _function("subscribe", url, total) as process:
        _pin(process.pid, 1)
        yield process


def _rate(subscriber: "subprocess.Popen[str]") -> float:
    output, _ = subscriber.communicate(timeout=WITHIN.total_seconds())
    return float(json.loads(output))


def _function(
    name: str, *arguments: object, stdin: int | None = None, stderr: int | None = None
) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-m", "tickproof.bench.process", ME, name, json.dumps(arguments)]
    return subprocess.Popen(argv, text=True, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr)


def _pin(pid: int, core: int) -> None:
    """Keep a process on one core, where the system lets us: a figure a core needs one."""
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(pid, {allowed[core % len(allowed)]})


@contextmanager
def _busy() -> Iterator[None]:
    """Keep every core busy."""
    with ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            burner = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(burner.kill)
        yield


class _Counting(picows.WSListener):
    """Counts frames, and notes when the first and the last came."""

    def __init__(self, total: int) -> None:
        self.left = total
        self.first_ns = 0
        self.last_ns = 0

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """Count a frame."""
        if frame.msg_type is not picows.WSMsgType.TEXT:
            return
        self.first_ns = self.first_ns or now_ns()
        self.left -= 1
        if not self.left:
            self.last_ns = now_ns()
            transport.disconnect()


def subscribe(url: str, total: int) -> float:
    """Receive so many frames; return how many came a second."""

    async def run() -> _Counting:
        counting = _Counting(total)
        transport, _ = await picows.ws_connect(lambda: counting, url)
        await transport.wait_disconnected()
        return counting

    counting = uvloop.run(run())
    return (total - 1) / (counting.last_ns - counting.first_ns) * 1e9


# The peer.


class _Sending(picows.WSListener):
    """Sends its payloads when a subscriber comes."""

    payloads: ClassVar[list[bytes]] = []
    per_second: ClassVar[float | None] = None
    late: ClassVar[list[int]] = []

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        """Begin."""
        self._tasks = {asyncio.get_running_loop().create_task(self._send(transport))}

    async def _send(self, transport: picows.WSTransport) -> None:
        begin = now_ns() + 50_000_000
        for number, payload in enumerate(self.payloads):
            if self.per_second is not None:
                due = begin + int(number * 1e9 / self.per_second)
                await asyncio.sleep(max(0, due - now_ns()) / 1e9)
                transport.send(picows.WSMsgType.TEXT, payload)
                self.late.append(now_ns() - due)
                continue
            transport.send(picows.WSMsgType.TEXT, payload)
            if not number % 256:
                while transport.underlying_transport.get_write_buffer_size():  # noqa: ASYNC110  # it has no event
                    await asyncio.sleep(0)


def serve_peer(rows: int, per_second: float | None) -> list[int]:
    """Send frames to one subscriber the usual way, until the standard input ends; return how late each was."""
    names = list(catalogue())[:SYMBOLS]
    symbols = [LeasedSymbol(name, 1) for name in names]
    plan = draw(Domain(), symbols, trades=rows, per_second=None, seed=1, sentinels=False)
    texts = frames.payloads(plan.table, combined=True)
    _Sending.payloads = [text.encode() for text in texts.to_pylist()]
    _Sending.per_second = per_second

    async def run() -> None:
        server = await picows.ws_create_server(lambda _: _Sending(), "127.0.0.1", 0)
        say(str(server.sockets[0].getsockname()[1]))
        await asyncio.to_thread(sys.stdin.readline)
        server.close()

    uvloop.run(run())
    return _Sending.late


def _peer(rows: int, per_second: float | None) -> tuple[float, list[int]]:
    with _function("serve_peer", rows, per_second, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        _pin(process.pid, 0)
        assert process.stderr is not None
        port = int(process.stderr.readline())
        with _subscriber(f"ws://127.0.0.1:{port}/", rows) as subscriber:
            rate = _rate(subscriber)
        output, _ = process.communicate("\n")
    return rate, json.loads(output)


def _peer_fast(rows: int) -> float:
    return _peer(rows, None)[0]


def _peer_paced(rows: int) -> Errors:
    return Errors.of(np.array(_peer(rows, PACE)[1]))
