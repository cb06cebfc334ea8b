"""Keywords that hold what the platform publishes about itself against what it does: schemas of every hop."""

import json
from typing import Any

from jsonschema import Draft202012Validator
from robot.api import logger
from robot.api.deco import keyword, library

from tickproof import session
from tickproof.clients import published_contract
from tickproof.observing import sent_so_far
from tickproof.verdicts import Void
from tickproof.waiting import said


@library(scope="GLOBAL")
class Shapes:
    """Compares messages, table and answers with the schemas that the platform publishes for them."""

    @keyword
    def kafka_values_should_match_their_schema(self) -> None:
        """Validate every message of this test's flow against the published JSON Schema."""
        run = session.current()
        kafka = run.target.hops.kafka
        if kafka is None or kafka.value_schema is None:
            raise Void("the target publishes no schema of its messages (`hops.kafka.value_schema`).")
        validator = Draft202012Validator(json.loads(run.target.published(kafka.value_schema).read_text()))
        looked_at = 0
        for record in run.kafka.records(kafka.topic, run.scene.marks.topics).to_pylist():
            looked_at += 1
            fault = _fault(validator, record["value"])
            if fault is not None:
                raise AssertionError(
                    f"A message should be what its schema says, but {fault} "
                    f"(partition {record['partition']}, offset {record['offset']})."
                )
        if not looked_at:
            raise Void("the flow left no message in the topic.")
        logger.info(f"{looked_at:,} messages are what {kafka.value_schema} says.")

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
        scene, _ = sent_so_far(run)
        contract = published_contract()
        answer = contract.call(
            api.trades.path,
            {
                api.trades.symbol_parameter: list(scene.first_ids),
                api.trades.page_size.parameter: api.trades.page_size.most,
            },
        )
        fault = contract.fault(answer) if answer.ok else f"the status is {answer.status_code}"
        if fault:
            raise AssertionError(f"The answer about trades should be as published, but {fault}.")
        rows = answer.json().get(api.trades.rows)
        if not rows:
            raise Void("the API answered without a row.")
        logger.info(f"{len(rows)} rows are as published, in {said(answer.elapsed)}.")


def _fault(validator: Draft202012Validator, value: bytes | None) -> str | None:
    """Tell what of a message is not as its schema says, or None."""
    try:
        found = json.loads(value or b"")
    except ValueError:
        return "it is no JSON" if value else "it is empty"
    fault = next(iter(validator.iter_errors(found)), None)
    return None if fault is None else str(fault.message)


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
