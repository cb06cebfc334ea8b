"""A small chart as inline SVG: how many trades were sent, and how many each hop had shown, over time.

It is drawn by hand rather than by a plotting library: 2 to 8 KB instead of 20 or more, nothing to import, and it
takes the colours of the log's light or dark theme.
"""

from collections.abc import Mapping
from html import escape

import numpy as np
import numpy.typing as npt

from tickproof.evidence.tables import Html
from tickproof.verdicts.arrivals import Arrivals

WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 10, 30
POINTS = 480
"""Points of all lines together at most: that keeps a chart below 15 KB."""

COLOURS = ("#888888", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")
"""Told apart by colour-blind eyes too (Okabe and Ito); the first is for what was sent."""


def arrivals(title: str, series: Mapping[str, Arrivals]) -> Html:
    """Return a chart of running totals over seconds, one line a series.

    Args:
        title: What the chart shows.
        series: What was sent and what each hop showed, by name, in this order. A gap between two lines is lag
            where it is horizontal, loss where it stays.
    """
    drawn = {name: one for name, one in series.items() if len(one.starts_ns)}
    if not drawn:
        return Html(f"<p>{escape(title)}: nothing was sent or seen.</p>")
    begin = min(int(one.starts_ns[0]) for one in drawn.values())
    end = max(int(one.starts_ns[-1]) + one.every_ns for one in drawn.values())
    most = max(int(one.counts.sum()) for one in drawn.values())
    across, up = _scale(end - begin, WIDTH - LEFT - RIGHT), _scale(most, HEIGHT - TOP - BOTTOM)
    lines, labels = [], []
    for number, (name, one) in enumerate(drawn.items()):
        colour = COLOURS[number % len(COLOURS)]
        x, y = _steps(one, begin, end, most=POINTS // len(drawn))
        points = " ".join(
            f"{LEFT + across * at:.1f},{HEIGHT - BOTTOM - up * total:.1f}"
            for at, total in zip(x, y, strict=True)
        )
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        labels.append(
            f'<text x="{WIDTH - RIGHT + 8}" y="{TOP + 14 + 18 * number}" fill="{colour}">'
            f"{escape(name)} {int(one.counts.sum()):,}</text>"
        )
    return Html(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
        f' height="{HEIGHT}" font-family="sans-serif" font-size="12" role="img">'
        f"<title>{escape(title)}</title>"
        f"{_axes((end - begin) / 1e9, most)}{''.join(lines)}{''.join(labels)}</svg>"
    )


def _scale(span: int, room: int) -> float:
    return room / max(span, 1)


def _steps(
    one: Arrivals, begin: int, end: int, *, most: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the corners of a staircase: a slice's trades are all there when the slice ends."""
    totals = np.cumsum(one.counts)
    ends = one.starts_ns + one.every_ns - begin
    if len(totals) > most:
        kept = np.linspace(0, len(totals) - 1, most).astype(np.int64)
        totals, ends = totals[kept], ends[kept]
    before = np.concatenate([[0], totals[:-1]])
    x = np.concatenate([[one.starts_ns[0] - begin], np.repeat(ends, 2), [end - begin]])
    y = np.concatenate([[0], np.column_stack([before, totals]).ravel(), [totals[-1]]])
    return x, y


def _axes(seconds: float, most: int) -> str:
    floor, wall = HEIGHT - BOTTOM, WIDTH - RIGHT
    frame = f'<path d="M{LEFT} {TOP}V{floor}H{wall}" fill="none" stroke="currentColor"/>'
    texts = [
        f'<text x="{LEFT - 6}" y="{TOP + 10}" text-anchor="end">{most:,}</text>',
        f'<text x="{LEFT - 6}" y="{floor}" text-anchor="end">0</text>',
        f'<text x="{LEFT}" y="{HEIGHT - 12}">0 s</text>',
        f'<text x="{wall}" y="{HEIGHT - 12}" text-anchor="end">{seconds:.3g} s</text>',
    ]
    return f'{frame}<g fill="currentColor">{"".join(texts)}</g>'
