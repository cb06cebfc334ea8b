"""How a platform tells of trades that it could not get: by topic, by log, by metric."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from tickproof import session
from tickproof.probes.metrics import Metrics, read_metrics
from tickproof.verdicts import Void

LOG_LINES = 5000

Span = tuple[str, int, int]
"""A symbol, and the first and last of contiguous trade ids that are missing."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the platform says is missing, in each of the three places."""

    topic: frozenset[Span]
    log: frozenset[Span]
    metric: int

    def sentence(self) -> str:
        """Say it in words."""
        return (
            f"the topic of gaps tells {spoken(self.topic)}; the log of the feed tells {spoken(self.log)}; "
            f"the metric of the feed has grown by {self.metric} gaps"
        )


def spans(missing: pa.Table) -> frozenset[Span]:
    """Return the spans of contiguous ids among rows (columns symbol and trade_id), by symbol."""
    found: list[Span] = []
    for symbol, trade_id in sorted(
        zip(missing["symbol"].to_pylist(), missing["trade_id"].to_pylist(), strict=True)
    ):
        if found and found[-1][0] == symbol and found[-1][2] == trade_id - 1:
            found[-1] = (symbol, found[-1][1], trade_id)
        else:
            found.append((symbol, trade_id, trade_id))
    return frozenset(found)


def spoken(missing: frozenset[Span]) -> str:
    """Say spans in words."""
    return ", ".join(f"{symbol} {first} to {last}" for symbol, first, last in sorted(missing)) or "nothing"


def gap_metrics() -> Metrics:
    """Read the metrics of the feed.

    Raises:
        Void: The target does not say where they are.
    """
    published = session.current().platform.metrics
    if "feed" not in published:
        raise Void("the target's file does not say where the feed's metrics are (`metrics.feed`).")
    return read_metrics(published["feed"])


def told_since(before: Metrics) -> Told:
    """Read what the platform says about the symbols of this test.

    Args:
        before: The feed's metrics before the gap.
    """
    run = session.current()
    first = run.scene.first_ids
    reports = run.kafka.gaps(run.scene.marks.topics)["value"].to_pylist()
    lines = _whole(run.stack.log_tail("feed", LOG_LINES))
    now = gap_metrics()
    name = "feed_gaps_unrepaired_total"
    return Told(
        topic=_mine(reports, first),
        log=_mine(lines, first),
        metric=round(sum(now.value(name, symbol=one) - before.value(name, symbol=one) for one in first)),
    )


def _whole(lines: Sequence[str]) -> list[str]:
    """Return the lines that tell of gaps: the last may be half written, and the first was cut where reading began."""
    ends = {0, len(lines) - 1}
    return [
        line
        for n, line in enumerate(lines)
        if '"gap_unrepaired"' in line and (n not in ends or _parsed(line) is not None)
    ]


def _parsed(text: str | bytes) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _mine(texts: Iterable[str | bytes | None], first: Mapping[str, int]) -> frozenset[Span]:
    found = set()
    for text in (text or "" for text in texts):
        match _parsed(text):
            case {"symbol": str(symbol), "first_id": int(first_id), "last_id": int(last_id)}:
                found.add((symbol, first_id, last_id))
            case _:
                told = text if isinstance(text, str) else text.decode("utf-8", "backslashreplace")
                raise AssertionError(
                    f"A report of a gap should be JSON with symbol, first_id and last_id, but one says: {told[:200]}"
                )
    return frozenset(
        (symbol, first_id, last_id)
        for symbol, first_id, last_id in found
        if symbol in first and first_id >= first[symbol]
    )
