"""How much the reference platform carries: exchange, feed, Kafka, writer and lake on one machine, all judged."""

from typing import Any

import numpy as np

from tickproof.bench.carrying import Carried, Flow, carry, own_stack, slope_mb_a_minute
from tickproof.bench.figures import Figure, at_least, at_most
from tickproof.bench.process import peak_memory_mb, say

PER_SECOND = 20_000
SECONDS = 60
STRETCH_PER_SECOND = 50_000
STRETCH_SECONDS = 20
HEADROOM = 1.01  # sent a little faster, so that the pace reached can be held against the goal
MOST_LAG_S = 3
MOST_SLOPE_MB = 30


def measure(seconds: float = SECONDS, stretch_seconds: float = STRETCH_SECONDS) -> list[dict[str, Any]]:
    """Measure a flow that has to be carried, and then, on a new stack, one that need not."""
    figures = []
    with own_stack() as stack:
        carried = carry(stack, Flow(round(PER_SECOND * HEADROOM), seconds))
        figures += _sustained(carried, seconds)
    with own_stack() as stack:
        say("the stretch")
        figures += _stretch(carry(stack, Flow(STRETCH_PER_SECOND, stretch_seconds)), stretch_seconds)
    figures.append(Figure("Flow, memory of the bench itself, at most", round(peak_memory_mb()), "MB"))
    return [figure.as_json() for figure in figures]


def _sustained(carried: Carried, seconds: float) -> list[Figure]:
    title = f"Flow of {PER_SECOND:,}/s for {seconds:g} s"
    slopes = {name: slope_mb_a_minute(carried.during, name) for name in carried.samples[0].rss_mb}
    return [
        at_least(f"{title}, pace over 200 symbols", round(carried.per_second), "trades/s", PER_SECOND),
        at_most(
            f"{title}, lost, altered, doubled or out of order at Kafka or lake", carried.wrong, "trades", 0
        ),
        at_most(f"{title}, lake behind, max", _seconds(carried.lag_s.max()), "s", MOST_LAG_S),
        Figure(f"{title}, lake behind, p99", _seconds(np.quantile(carried.lag_s, 0.99)), "s"),
        *(
            at_most(f"{title}, memory growth of {name}", round(slope, 1), "MB/min", MOST_SLOPE_MB)
            for name, slope in slopes.items()
        ),
        *_told(title, carried),
    ]


def _stretch(carried: Carried, seconds: float) -> list[Figure]:
    title = f"Stretch of {STRETCH_PER_SECOND:,}/s for {seconds:g} s"
    return [
        Figure(f"{title}, pace", round(carried.per_second), "trades/s"),
        Figure(f"{title}, lost, altered, doubled or out of order at Kafka or lake", carried.wrong, "trades"),
        Figure(f"{title}, lake behind, max", _seconds(carried.lag_s.max()), "s"),
        *_told(title, carried),
    ]


def _told(title: str, carried: Carried) -> list[Figure]:
    late_ms = (carried.played.late_p99_ns or 0) / 1e6
    return [
        Figure(f"{title}, exchange late, p99", round(late_ms, 2), "ms"),
        Figure(f"{title}, memory in all, at most", round(carried.memory_mb()), "MB"),
        Figure(f"{title}, load average of the machine before", round(carried.load_average, 2), ""),
    ]


def _seconds(value: float) -> float:
    return round(float(value), 2)
