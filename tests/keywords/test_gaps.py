"""Spans of missing ids."""

import json
from datetime import timedelta
from types import SimpleNamespace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keywords.fakes import scene_of, session_of
from tickproof import gaps, session
from tickproof.gaps import Told, spans, spoken, told_since
from tickproof.pipeline import Pipeline
from tickproof.probes.metrics import Metrics
from tickproof.verdicts import Void
from verdicts.small import sent, trade


def rows(*keys: tuple[str, int]) -> pa.Table:
    return pa.table(
        {
            "symbol": pa.array([key[0] for key in keys], pa.string()),
            "trade_id": pa.array([key[1] for key in keys], pa.int64()),
        }
    )


@given(st.sets(st.tuples(st.sampled_from("AB"), st.integers(0, 40))))
def test_spans_hold_exactly_the_ids_and_none_touch(keys: set[tuple[str, int]]) -> None:
    found = spans(rows(*keys))
    assert {(name, n) for name, first, last in found for n in range(first, last + 1)} == keys
    assert not {(name, last + 1) for name, _, last in found} & {(name, first) for name, first, _ in found}
    assert all(first <= last for _, first, last in found)


def test_ids_of_two_symbols_make_two_spans() -> None:
    assert spans(rows(("B", 2), ("A", 1), ("B", 3), ("A", 5))) == {("A", 1, 1), ("A", 5, 5), ("B", 2, 3)}


def test_spans_in_words() -> None:
    assert spoken(frozenset({("B", 2, 3), ("A", 1, 1)})) == "A 1 to 1, B 2 to 3"
    assert spoken(frozenset()) == "nothing"


def test_what_was_told_in_words() -> None:
    told = Told(frozenset({("A", 1, 2)}), frozenset(), 1)
    assert told.sentence() == (
        "the topic of gaps tells A 1 to 2; the log of the feed tells nothing; "
        "the metric of the feed has grown by 1 gaps"
    )


def report(first: int, last: int, symbol: str = "ETHBTC") -> str:
    told = {"event": "gap_unrepaired", "symbol": symbol, "first_id": first, "last_id": last}
    return json.dumps(told)


def platform(monkeypatch: pytest.MonkeyPatch, log: list[str], topic: list[str], counted: float = 0) -> None:
    """A platform that tells this of its gaps; trade 2 of a test is beyond repair."""
    rows = sent(trade(1), trade(2, expect="absent"), trade(3))
    values = [text.encode() for text in topic]
    run = session_of(
        scene_of(rows, "ETHBTC", gaps_before=Metrics(())),
        kafka=SimpleNamespace(gaps=lambda _: pa.table({"value": pa.array(values, pa.binary())})),
        stack=SimpleNamespace(log_tail=lambda _, __: log),
    )
    sample = SimpleNamespace(name="feed_gaps_unrepaired_total", labels={"symbol": "ETHBTC"}, value=counted)
    monkeypatch.setattr(session, "current", run)
    monkeypatch.setattr(gaps, "gap_metrics", lambda: Metrics((sample,)))  # type: ignore[arg-type]


def test_lines_that_are_still_being_written_are_left_for_the_next_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut, half = report(7, 8)[10:], report(5, 6)[:-9]
    platform(monkeypatch, [cut, "other", report(2, 3), half], [])
    assert told_since(Metrics(())).log == {("ETHBTC", 2, 3)}


@pytest.mark.parametrize(
    ("log", "topic"),
    [
        (["", report(2, 2)[:-5], report(2, 2)], []),
        ([], ["no JSON"]),
        ([], [""]),
        ([], ['{"symbol": "ETHBTC"}']),
        ([], [json.dumps({"symbol": "ETHBTC", "first_id": "2", "last_id": 2})]),
    ],
)
def test_a_report_that_is_none_is_red(
    monkeypatch: pytest.MonkeyPatch, log: list[str], topic: list[str]
) -> None:
    platform(monkeypatch, log, topic)
    with pytest.raises(AssertionError, match="should be JSON with symbol, first_id and last_id"):
        told_since(Metrics(()))


def test_a_gap_that_is_told_three_times_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    platform(monkeypatch, [report(2, 2)], [report(2, 2), report(9, 9, "BNBEUR")], counted=1)
    Pipeline().gap_should_be_reported_by_topic_metric_and_log()


@pytest.mark.parametrize(
    ("log", "topic", "counted"),
    [([], [report(2, 2)], 1), ([report(2, 2)], [], 1), ([report(2, 2)], [report(2, 2)], 0),
     ([report(2, 2)], [report(2, 3)], 1)],
    ids=["not in the log", "not in the topic", "not counted", "told too long"],
)  # fmt: skip
def test_a_gap_that_is_told_otherwise_is_red(
    monkeypatch: pytest.MonkeyPatch, log: list[str], topic: list[str], counted: float
) -> None:
    platform(monkeypatch, log, topic, counted)
    monkeypatch.setattr("tickproof.pipeline.REPORT_WITHIN", timedelta(milliseconds=1))
    with pytest.raises(
        AssertionError, match=r"(?s)The gap ETHBTC 2 to 2 should be reported .*Last seen: the topic"
    ):
        Pipeline().gap_should_be_reported_by_topic_metric_and_log()


def test_no_gap_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "current", session_of(scene_of(sent(trade(1)), "ETHBTC")))
    with pytest.raises(Void, match="no trade of this test is beyond repair"):
        Pipeline().gap_should_be_reported_by_topic_metric_and_log()
