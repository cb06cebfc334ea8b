"""What a platform publishes of itself, held against what it does."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from keywords.conftest import Serve
from keywords.fakes import scene_of, session_of
from keywords.local_http import Answer
from keywords.test_clients import DOCUMENT
from tickproof import session, shapes
from tickproof.probes.contract import Contract
from tickproof.probes.kafka import RECORD
from tickproof.shapes import Shapes
from tickproof.verdicts import Void
from verdicts.small import sent, trade

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["reason"],
    "properties": {"reason": {"enum": ["not-json", "wrong-case"]}},
}
GOOD, OTHER = {"reason": "not-json"}, {"reason": "bad luck"}


def record(value: bytes | None = b"", headers: dict[str, str] | None = None) -> dict[str, Any]:
    empty = dict.fromkeys(RECORD.names)
    return {
        **empty, "value": value, "partition": 3, "offset": 17, "headers": list((headers or {}).items()),
    }  # fmt: skip


def value(content: object) -> dict[str, Any]:
    return record(json.dumps(content).encode())


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """A platform that publishes one schema for all; a test fills its topics."""
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    topics: SimpleNamespace = SimpleNamespace(records=[], letters=[], gaps=[])

    def table(rows: list[dict[str, Any]]) -> pa.Table:
        return pa.Table.from_pylist(rows, schema=RECORD)

    hop = SimpleNamespace(
        topic="trades",
        value_schema="schema.json",
        dead_letters=SimpleNamespace(headers_schema="schema.json"),
        gaps=SimpleNamespace(value_schema="schema.json"),
    )
    hops = SimpleNamespace(kafka=hop, api=None, lake=SimpleNamespace(published_shape="shape.json"))
    target = SimpleNamespace(hops=hops, published=lambda name: tmp_path / name)
    kafka = SimpleNamespace(
        records=lambda _topic, _since: table(topics.records),
        dead_letters=lambda _since: table(topics.letters),
        gaps=lambda _since: table(topics.gaps),
    )
    lake = SimpleNamespace(shape=lambda: topics.shape)
    run = session_of(scene_of(sent(trade(1)), "ETHBTC"), target=target, kafka=kafka, lake=lake)
    monkeypatch.setattr(session, "current", run)
    topics.hop, topics.hops, topics.folder = hop, hops, tmp_path
    return topics


KEYWORDS = {
    "records": ("kafka_values_should_match_their_schema", "message"),
    "letters": ("dead_letters_should_match_their_schema", "dead letter"),
    "gaps": ("gap_reports_should_match_their_schema", "report of a gap"),
}


def check(topic: str) -> None:
    getattr(Shapes(), KEYWORDS[topic][0])()


@pytest.mark.parametrize("topic", KEYWORDS)
def test_what_is_as_published_passes(platform: SimpleNamespace, topic: str) -> None:
    good = record(headers=GOOD) if topic == "letters" else value(GOOD)
    setattr(platform, topic, [good, good])
    check(topic)


@pytest.mark.parametrize(
    ("topic", "bad", "said"),
    [
        ("records", value(OTHER), "'bad luck' is not one of"),
        ("records", value({**GOOD, "more": 1}), "'more' was unexpected"),
        ("records", record(b"{"), "it is no JSON"),
        ("records", record(None), "it is empty"),
        ("letters", record(headers=OTHER), "'bad luck' is not one of"),
        ("letters", record(headers={}), "'reason' is a required property"),
        ("gaps", value(OTHER), "'bad luck' is not one of"),
        ("gaps", value([1]), "is not of type 'object'"),
    ],
)
def test_what_is_not_as_published_is_red(
    platform: SimpleNamespace, topic: str, bad: dict[str, Any], said: str
) -> None:
    good = record(headers=GOOD) if topic == "letters" else value(GOOD)
    setattr(platform, topic, [good, bad])
    what = KEYWORDS[topic][1]
    with pytest.raises(
        AssertionError,
        match=rf"A {what} should be what its schema says, but .*{said}.* \(partition 3, offset 17\)",
    ):
        check(topic)


@pytest.mark.parametrize("topic", KEYWORDS)
def test_an_empty_topic_proves_nothing(platform: SimpleNamespace, topic: str) -> None:
    assert platform.gaps == []
    with pytest.raises(Void, match=f"this test left no {KEYWORDS[topic][1]} in the topic"):
        check(topic)


@pytest.mark.parametrize("topic", KEYWORDS)
def test_what_is_not_published_cannot_be_judged(platform: SimpleNamespace, topic: str) -> None:
    platform.hop.value_schema = platform.hop.dead_letters.headers_schema = None
    platform.hop.gaps.value_schema = None
    with pytest.raises(Void, match=r"publishes no schema .*hops\.kafka"):
        check(topic)
    platform.hop.dead_letters = platform.hop.gaps = None
    with pytest.raises(Void, match=r"publishes no schema"):
        check(topic)
    platform.hops.kafka = None
    with pytest.raises(Void, match="no Kafka"):
        check(topic)


SHAPE: dict[str, list[dict[str, Any]]] = {
    "columns": [{"name": "price", "type": "decimal(38, 18)", "required": True}],
    "partition": [{"column": "event_time", "transform": "day"}],
    "sort": [],
}


def test_a_table_that_is_as_published_passes(platform: SimpleNamespace) -> None:
    (platform.folder / "shape.json").write_text(json.dumps(SHAPE))
    platform.shape = SHAPE
    Shapes().table_should_match_its_schema()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"columns": [{**SHAPE["columns"][0], "required": False}]},
            "18.* True is published and .* False is there",
        ),
        ({"columns": []}, "nothing is there"),
        ({"partition": [{"column": "event_time", "transform": "hour"}]}, "event_time day is published"),
        ({"sort": [{"column": "symbol"}]}, "nothing is published and symbol is there"),
    ],
)
def test_a_table_that_is_not_is_red(platform: SimpleNamespace, change: dict[str, Any], said: str) -> None:
    (platform.folder / "shape.json").write_text(json.dumps(SHAPE))
    platform.shape = SHAPE | change
    with pytest.raises(AssertionError, match=f"should be as published, but .*{said}"):
        Shapes().table_should_match_its_schema()


def test_a_table_that_nothing_is_published_of_is_void(platform: SimpleNamespace) -> None:
    platform.hops.lake.published_shape = None
    with pytest.raises(Void, match="published_shape"):
        Shapes().table_should_match_its_schema()


PAGE = {"data": [{"symbol": "ETHBTC"}], "next": None, "snapshot": "7"}


def test_the_answer_about_this_tests_trades_is_judged(
    platform: SimpleNamespace, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Void, match="no API"):
        Shapes().api_answers_should_match_their_schema()
    answers = {"/openapi.json": Answer.of(DOCUMENT), "/v1/trades": Answer.of(PAGE)}
    server = serve(dict(answers))
    platform.hops.api = SimpleNamespace(
        trades=SimpleNamespace(
            path="/v1/trades", symbol_parameter="symbol", rows="data",
            page_size=SimpleNamespace(parameter="limit", most=9), range=SimpleNamespace(start="start", end="end"),
        )
    )  # fmt: skip
    monkeypatch.setattr(shapes, "published_contract", lambda: Contract(server.url))
    Shapes().api_answers_should_match_their_schema()
    asked, _ = server.asked[-1]
    assert "start=2026-01-02T12%3A00%3A00.001000Z&end=2026-01-02T12%3A00%3A00.001001Z" in asked
    for wrong, said in (
        (Answer.of({**PAGE, "more": 1}), "'more' was unexpected"),
        (Answer.of(PAGE, 500), "the status is 500"),
    ):
        server.answers["/v1/trades"] = wrong
        with pytest.raises(AssertionError, match=f"should be as published, but .*{said}"):
            Shapes().api_answers_should_match_their_schema()
    server.answers["/v1/trades"] = Answer.of({**PAGE, "data": []})
    with pytest.raises(Void, match="without a row"):
        Shapes().api_answers_should_match_their_schema()
