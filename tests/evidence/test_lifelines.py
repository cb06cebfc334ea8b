"""The lives of services as a picture."""

from xml.etree import ElementTree as ET

from tickproof.evidence.lifelines import Outage, Span, outages, picture, spans
from tickproof.stack import StackEvent

S = 1_000_000_000


def timeline(*told: tuple[int, str, str]) -> list[StackEvent]:
    return [StackEvent(n, at * S, service, what) for n, (at, service, what) in enumerate(told, 1)]


EVENTS = timeline(
    (0, "kafka", "created"),
    (0, "api", "created"),
    (1, "kafka", "started"),
    (1, "api", "started"),
    (2, "kafka", "healthy"),
    (2, "api", "healthy"),
    (10, "kafka", "died"),
    (11, "kafka", "restarted"),
    (11, "kafka", "started"),
    (13, "kafka", "healthy"),
)


def test_a_life_is_cut_where_it_changes() -> None:
    assert spans(EVENTS, 6, 20 * S) == [
        Span("kafka", "down", 10 * S, 11 * S),
        Span("kafka", "starting", 11 * S, 13 * S),
        Span("kafka", "healthy", 13 * S, 20 * S),
        Span("api", "healthy", 10 * S, 20 * S),
    ]


def test_an_outage_lasts_until_health() -> None:
    assert outages(EVENTS, 6) == [Outage("kafka", "died", 10 * S, 13 * S)]
    assert outages(EVENTS[:9], 6) == [Outage("kafka", "died", 10 * S, None)]
    assert outages(EVENTS, 10) == []


def test_the_picture_is_valid_and_small_and_names_recoveries() -> None:
    drawn = picture(EVENTS, 6, 20 * S)
    svg = drawn[: drawn.index("</svg>") + 6]
    assert ET.fromstring(svg).tag.endswith("svg")
    assert "kafka starting for 2.0 s" in svg
    assert "<td>kafka</td><td>died</td><td>3.0 s</td>" in drawn
    assert "not by then" in picture(EVENTS[:9], 6, 20 * S)


def test_without_an_outage_there_is_no_picture() -> None:
    assert picture(EVENTS, 10, 20 * S) == ""
    assert picture([], 0, 0) == ""


def test_a_crash_loop_does_not_fill_the_log() -> None:
    loop = [StackEvent(n, n * S, "writer", what) for n, what in enumerate(["started", "died"] * 2_000, 1)]
    assert len(picture(loop, 0, 5_000 * S)) < 60_000
