"""One figure of the bench: what was measured, how much it is, and what it should be."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value.

    Attributes:
        measure: What was measured, in words.
        value: How much it is; None: it could not be measured.
        unit: In which unit.
        goal: What it should be, in words: "<= 3"; None: nothing was promised.
        met: Whether it is so; None: nothing was promised.
        peer: What does the same by other means, and how much that takes.
        ratio: How many times better than the peer it is.
        command: What measures it again.
    """

    measure: str
    value: float | None
    unit: str
    goal: str | None = None
    met: bool | None = None
    peer: str | None = None
    ratio: float | None = None
    command: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what stands in `results/bench.json`."""
        return asdict(self)


def at_most(measure: str, value: float, unit: str, goal: float) -> Figure:
    """Return a figure that should be at most so much."""
    return Figure(measure, value, unit, f"<= {goal:,g}", value <= goal)


def at_least(measure: str, value: float, unit: str, goal: float) -> Figure:
    """Return a figure that should be at least so much."""
    return Figure(measure, value, unit, f">= {goal:,g}", value >= goal)
