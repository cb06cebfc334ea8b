"""How quickly the whole stack starts and stops, and how much memory it needs, idle and at work."""

import os
import statistics
import sys
import time
from datetime import timedelta
from typing import Any

import psutil

from tickproof.bench.carrying import TARGET, Flow, carry, own_state
from tickproof.bench.figures import Figure, at_most
from tickproof.bench.process import say
from tickproof.stack import Stack
from tickproof.target import load
from tickproof.waiting import patiently

STARTS = 5
MOST_START_S = 3
IDLE_FOR = timedelta(seconds=4)
MOST_IDLE_MB = 600
PER_SECOND = 10_000
SECONDS = 20
MOST_BUSY_MB = 1_100
EXCHANGE = "exchange"

PARTS = "kafka, feed, writer, api"


def measure(starts: int = STARTS, seconds: float = SECONDS) -> list[dict[str, Any]]:
    """Measure starts with warm caches, and the last of these stacks at work."""
    load_average = os.getloadavg()[0]
    up_s, down_s, idle_mb, shared_once_mb = [], [], [], []
    with own_state():
        Stack.up(load(TARGET), progress=say).down()  # fetches and trains what is not there yet
        for number in range(starts):
            say(f"start {number + 1} of {starts}")
            began = time.perf_counter()
            stack = Stack.up(load(TARGET))
            up_s.append(time.perf_counter() - began)
            try:
                idle_mb.append(_idle(stack))
                shared_once_mb.append(_shared_once(stack))
                carried = carry(stack, Flow(PER_SECOND, seconds)) if number == starts - 1 else None
            finally:
                began = time.perf_counter()
                stack.down()
                down_s.append(time.perf_counter() - began)
    assert carried is not None
    idle = statistics.median(sum(each.values()) for each in idle_mb)
    idle_alone = statistics.median(sum(each.values()) - each[EXCHANGE] for each in idle_mb)
    busy = f"at {PER_SECOND:,} trades/s for {seconds:g} s"
    return [
        figure.as_json()
        for figure in (
            at_most(
                "Stack, warm start until all are healthy",
                round(statistics.median(up_s), 2),
                "s",
                MOST_START_S,
            ),
            Figure("Stack, stop", round(statistics.median(down_s), 2), "s"),
            at_most(f"Stack, memory when idle: {PARTS} and the exchange", round(idle), "MB", MOST_IDLE_MB),
            at_most(f"Stack, memory when idle: {PARTS}", round(idle_alone), "MB", MOST_IDLE_MB),
            Figure(
                f"Stack, memory when idle, shared pages counted once: {PARTS} and the exchange",
                round(statistics.median(shared_once_mb)),
                "MB",
            ),
            at_most(
                f"Stack, memory {busy}: {PARTS} and the exchange",
                round(carried.memory_mb()),
                "MB",
                MOST_BUSY_MB,
            ),
            at_most(
                f"Stack, memory {busy}: {PARTS}",
                round(carried.memory_mb(without=EXCHANGE)),
                "MB",
                MOST_BUSY_MB,
            ),
            at_most(f"Stack, trades wrong at Kafka or lake {busy}", carried.wrong, "trades", 0),
            Figure("Stack, load average of the machine before", round(load_average, 2), ""),
        )
    ]


def _idle(stack: Stack) -> dict[str, float]:
    """Return the memory of each service (MB) some seconds after the start, when nothing moves any more."""
    began = time.monotonic()

    def look() -> dict[str, float]:
        return {state.name: state.rss_bytes / 1e6 for state in stack.status()}

    memory = patiently(
        look,
        until=lambda _: time.monotonic() - began >= IDLE_FOR.total_seconds(),
        within=2 * IDLE_FOR,
        what="the stack should be idle",
    )
    say(", ".join(f"{name} {rss:.0f} MB" for name, rss in memory.items()))
    return memory


def _shared_once(stack: Stack) -> float:
    """Return the memory of all services (MB) with each page divided by how many use it; 0 where nobody tells."""
    if sys.platform != "linux":
        return 0.0
    pids = [state.pid for state in stack.status() if state.pid]
    return sum(psutil.Process(pid).memory_full_info().pss for pid in pids) / 1e6
