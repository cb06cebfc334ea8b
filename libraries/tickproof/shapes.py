"""Keywords that hold what the platform publishes about itself against what it does: schemas of every hop."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator
from robot.api import logger
from robot.api.deco import keyword, library

from tickproof import session
from tickproof.clients import published_contract
from tickproof.observing import sent_so_far, window_of
from tickproof.target import KafkaHop
from tickproof.verdicts import Void
from tickproof.waiting import said


@library(scope="GLOBAL")
class Shapes:
    """Compares messages, table and answers with the schemas that the platform publishes for them."""

    @keyword
    def kafka_values_should_match_their_schema(self) -> None:
        """Validate every message of this test's flow against the published JSON Schema."""
        run, kafka = _kafka()
        if kafka.value_schema is None:
            raise Void("the target publishes no schema of its messages (`hops.kafka.value_schema`).")
        records = run.kafka.records(kafka.topic, run.scene.marks.topics).to_pylist()
        _validate("message", kafka.value_schema, records, _value)

    @keyword
    def dead_letters_should_match_their_schema(self) -> None:
        """Validate the headers of every dead letter that came during this test against their published JSON Schema."""
        run, kafka = _kafka()
        letters = kafka.dead_letters
        if letters is None or letters.headers_schema is None:
            raise Void(
                "the target publishes no schema of dead letters (`hops.kafka.dead_letters.headers_schema`)."
            )
        records = run.kafka.dead_letters(run.scene.marks.topics).to_pylist()
        _validate("dead letter", letters.headers_schema, records, lambda record: dict(record["headers"]))

    @keyword
    def gap_reports_should_match_their_schema(self) -> None:
        """Validate every report of a gap that came during this test against the published JSON Schema."""
        run, kafka = _kafka()
        if kafka.gaps is None or kafka.gaps.value_schema is None:
            raise Void("the target publishes no schema of reports of gaps (`hops.kafka.gaps.value_schema`).")
        records = run.kafka.gaps(run.scene.marks.topics).to_pylist()
        _validate("report of a gap", kafka.gaps.value_schema, records, _value)

    @keyword
    def table_should_match_its_schema(self) -> None:
        """Compare the table's columns, partition spec and sort order with those that are published."""
        run = session.current()
        lake = run.target.hops.lake
        if lake is None or lake.published_shape is None:
            raise Void("the target publishes no shape of its table (`hops.lake.published_shape`).")
        published: dict[str, Any] = json.loads(run.target.published(lake.published_shape).read_text())
        shape = run.lake.shape()
        for part in ("columns", "partition", "sort"):
            for wanted, found in _pairs(published[part], shape[part]):
                if wanted != found:
                    raise AssertionError(
                        f"The table's {part} should be as published, "
                        f"but {_said(wanted)} is published and {_said(found)} is there."
                    )
        logger.info(f"{len(published['columns'])} columns, partition spec and sort order are as published.")

    @keyword
    def api_answers_should_match_their_schema(self) -> None:
        """Validate the API's answer about this test's trades against its published contract (OpenAPI)."""
        run = session.current()
        api = run.target.hops.api
        if api is None:
            raise Void("the target has no API.")
        scene, sent = sent_so_far(run)
        contract = published_contract()
        answer = contract.call(
            api.trades.path,
            {
                api.trades.symbol_parameter: list(scene.first_ids),
                api.trades.page_size.parameter: api.trades.page_size.most,
                **window_of(run, sent),
            },
        )
        fault = contract.fault(answer) if answer.ok else f"the status is {answer.status_code}"
        if fault:
            raise AssertionError(f"The answer about trades should be as published, but {fault}.")
        rows = answer.json().get(api.trades.rows)
        if not rows:
            raise Void("the API answered without a row.")
        logger.info(f"{len(rows)} rows are as published, in {said(answer.elapsed)}.")


def _kafka() -> tuple[session.Session, KafkaHop]:
    run = session.current()
    if run.target.hops.kafka is None:
        raise Void("the target has no Kafka.")
    return run, run.target.hops.kafka


def _validate(
    what: str,
    schema: str,
    records: Sequence[Mapping[str, Any]],
    content: Callable[[Mapping[str, Any]], object],
) -> None:
    """Hold what records say against a published schema; what a record says may raise ValueError with a sentence."""
    published = session.current().target.published(schema)
    validator = Draft202012Validator(json.loads(published.read_text()))
    for record in records:
        try:
            found = next(iter(validator.iter_errors(content(record))), None)
            fault = found and str(found.message)
        except ValueError as error:
            fault = str(error)
        if fault:
            raise AssertionError(
                f"A {what} should be what its schema says, but {fault} "
                f"(partition {record['partition']}, offset {record['offset']})."
            )
    if not records:
        raise Void(f"this test left no {what} in the topic.")
    logger.info(f"{len(records):,} times a {what} is what {published.name} says.")


def _value(record: Mapping[str, Any]) -> object:
    """Return the JSON value of a record."""
    value = record["value"]
    try:
        return json.loads(value or b"")
    except ValueError:
        raise ValueError("it is no JSON" if value else "it is empty") from None


def _pairs(wanted: list[Any], found: list[Any]) -> list[tuple[Any, Any]]:
    longest = max(len(wanted), len(found))
    return list(
        zip(
            wanted + [None] * (longest - len(wanted)),
            found + [None] * (longest - len(found)),
            strict=True,
        )
    )


def _said(part: dict[str, Any] | None) -> str:
    return "nothing" if part is None else " ".join(str(value) for value in part.values())
