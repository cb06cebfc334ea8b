"""The life of each service as inline SVG: a bar a service, coloured by how it was, and how long it took to recover."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import NamedTuple, Protocol

from tickproof.evidence import tables
from tickproof.evidence.charts import LEFT, RIGHT, WIDTH
from tickproof.evidence.tables import Html

ROW, BAR, TOP = 22, 14, 6
MOST = 200
"""Bars drawn at most, so that a crash loop does not fill the log."""

BECOMES: Mapping[str, str] = {
    "started": "starting",
    "healthy": "healthy",
    "unhealthy": "unhealthy",
    "paused": "paused",
    "resumed": "starting",
    "oom": "out of memory",
    "died": "down",
    "stopped": "down",
}
"""What a service is after an event; other events change nothing."""

# Told apart by colour-blind eyes too (Okabe and Ito).
COLOURS: Mapping[str, str] = {
    "starting": "#e69f00",
    "healthy": "#009e73",
    "unhealthy": "#d55e00",
    "paused": "#0072b2",
    "out of memory": "#cc79a7",
}


class Event(Protocol):
    """What happened to a service: the n-th of the timeline, at a time in ns since 1970."""

    @property
    def n(self) -> int: ...  # noqa: D102 - said above

    @property
    def at_ns(self) -> int: ...  # noqa: D102 - said above

    @property
    def service(self) -> str: ...  # noqa: D102 - said above

    @property
    def what(self) -> str: ...  # noqa: D102 - said above


class Span(NamedTuple):
    """A time in which a service did not change, in ns."""

    service: str
    state: str
    begin: int
    end: int


class Outage(NamedTuple):
    """A time in which a service was not well, in ns; `end` is None where it did not recover."""

    service: str
    what: str
    begin: int
    end: int | None


def spans(events: Sequence[Event], since: int, until_ns: int) -> list[Span]:
    """Cut the life of each service into spans.

    Args:
        events: The whole timeline.
        since: Number of the last event before the time that is of interest.
        until_ns: Where that time ends.
    """
    state: dict[str, str] = {}
    begin: dict[str, int] = {}
    found: list[Span] = []
    start = next((event.at_ns for event in events if event.n > since), until_ns)
    for event in events:
        after = BECOMES.get(event.what)
        if after is None:
            state.setdefault(event.service, "down")
            continue
        if event.n > since and event.service in state:
            found.append(
                Span(event.service, state[event.service], begin.get(event.service, start), event.at_ns)
            )
        if event.n > since:
            begin[event.service] = event.at_ns
        state[event.service] = after
    found += [Span(name, how, begin.get(name, start), until_ns) for name, how in state.items()]
    order = list(state)
    found.sort(key=lambda span: (order.index(span.service), span.begin))
    return [span for span in found if span.end > span.begin]


def outages(events: Sequence[Event], since: int) -> list[Outage]:
    """Return each time from the first sign that a service was not well until it was healthy again."""
    ill: dict[str, tuple[str, int]] = {}
    found = []
    for event in events:
        if event.n <= since:
            continue
        if event.what == "healthy" and event.service in ill:
            what, began = ill.pop(event.service)
            found.append(Outage(event.service, what, began, event.at_ns))
        elif event.what in ("died", "stopped", "paused", "unhealthy", "oom"):
            ill.setdefault(event.service, (event.what, event.at_ns))
    return found + [Outage(name, what, began, None) for name, (what, began) in ill.items()]


def picture(events: Sequence[Event], since: int, until_ns: int) -> Html:
    """Return the lives of all services as a picture, and a table of their recoveries; empty if none was ill.

    Args:
        events: The whole timeline.
        since: Number of the last event before the time that is of interest.
        until_ns: Where that time ends.
    """
    ill = outages(events, since)
    if not ill:
        return Html("")
    rows = [
        (one.service, one.what, f"{(one.end - one.begin) / 1e9:.1f} s" if one.end else "not by then")
        for one in ill
    ]
    table = tables.html("Recoveries", ("service", "was", "healthy again after"), rows)
    return Html(f"{_drawn(spans(events, since, until_ns))}{table}")


def _drawn(lives: Sequence[Span]) -> str:
    services = list(dict.fromkeys(span.service for span in lives))
    begin, end = min(span.begin for span in lives), max(span.end for span in lives)
    across = (WIDTH - LEFT - RIGHT) / max(end - begin, 1)
    height = TOP + ROW * len(services) + 24
    parts = [
        f'<text x="{LEFT - 6}" y="{TOP + ROW * n + 12}" text-anchor="end" fill="currentColor">{escape(name)}</text>'
        for n, name in enumerate(services)
    ]
    for span in lives[:MOST]:
        if span.state in COLOURS:
            x, width = LEFT + across * (span.begin - begin), max(across * (span.end - span.begin), 1.0)
            said = f"{span.service} {span.state} for {(span.end - span.begin) / 1e9:.1f} s"
            parts.append(
                f'<rect x="{x:.1f}" y="{TOP + ROW * services.index(span.service)}" width="{width:.1f}"'
                f' height="{BAR}" fill="{COLOURS[span.state]}"><title>{escape(said)}</title></rect>'
            )
    parts += _legend()
    floor = TOP + ROW * len(services) + 16
    parts.append(
        f'<g fill="currentColor"><text x="{LEFT}" y="{floor}">0 s</text>'
        f'<text x="{WIDTH - RIGHT}" y="{floor}" text-anchor="end">{(end - begin) / 1e9:.1f} s</text></g>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {max(height, 120)}" width="{WIDTH}"'
        f' height="{max(height, 120)}" font-family="sans-serif" font-size="12" role="img">'
        f"<title>How each service was</title>{''.join(parts)}</svg>"
    )


def _legend() -> Iterator[str]:
    for n, (state, colour) in enumerate(COLOURS.items()):
        y = TOP + 18 * n
        yield (
            f'<rect x="{WIDTH - RIGHT + 8}" y="{y}" width="10" height="10" fill="{colour}"/>'
            f'<text x="{WIDTH - RIGHT + 24}" y="{y + 10}" fill="currentColor">{escape(state)}</text>'
        )
