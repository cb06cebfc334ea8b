"""The control port says no in one sentence."""

import json

import pyarrow as pa
import pytest
import requests
from common.waits import PATIENCE
from exchange.conftest import Exchange, Market
from tickproof.exchange.control import DEEDS
from tickproof.exchange.plan import SCHEMA


def post(exchange: Exchange, path: str, body: bytes | dict) -> tuple[int, str]:
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(exchange.addresses["control_url"] + path, data=data, timeout=PATIENCE)
    return answer.status_code, answer.json()["error"]


def packed(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def with_column(table: pa.Table, name: str, values: list[object]) -> pa.Table:
    place = table.column_names.index(name)
    return table.set_column(place, name, pa.array(values, SCHEMA.field(name).type))


def test_plans_that_make_no_sense(market: Market) -> None:
    exchange = market.exchange
    good = market.plan(4).table
    ids = good["trade_id"].to_pylist()
    cases = [
        (b"nonsense", "the body is no Arrow IPC stream."),
        (packed(good.slice(0, 0)), "the plan has no trades."),
        (packed(good.drop_columns("kind")), "the plan has no column kind."),
        (
            packed(good.set_column(1, "trade_id", good["trade_id"].cast(pa.int32(), safe=False))),
            "the plan's column trade_id is int32; it must be int64.",
        ),
        (
            packed(with_column(good, "symbol", ["NOSUCH"] * 4)),
            "symbol NOSUCH is not listed on the simulated exchange.",
        ),
        (
            packed(with_column(good, "send_offset_ns", [0, 5, 3, 6])),
            "the plan's row 2 is to be sent before row 1: a rate cannot be negative.",
        ),
        (
            packed(with_column(good, "send_offset_ns", [-5, 5, 6, 7])),
            "the plan's first row is to be sent 5 ns before the start.",
        ),
        (
            packed(with_column(good, "trade_id", [number + 10 for number in ids])),
            None,
        ),
        (packed(with_column(good, "price_text", ["1", "2", "x", "4"])), None),
        (
            packed(good.replace_schema_metadata({"actions": '[{"at": 9, "do": "drop"}]'})),
            "action drop at row 9 reaches row 9, but the plan's last is 3.",
        ),
        (
            packed(good.replace_schema_metadata({"actions": '[{"at": 1, "do": "dance"}]'})),
            None,
        ),
        (
            packed(good.replace_schema_metadata({"actions": "{"})),
            "the plan's actions are no JSON list of objects.",
        ),
    ]
    before = exchange.client.state()["counters"]
    for body, sentence in cases:
        status, told = post(exchange, "/plays", body)
        assert status == 400
        assert told.endswith(".")
        assert "\n" not in told
        assert sentence in (None, told)
    assert exchange.client.state()["counters"] == before


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "`do` must be a text, but it is None."),
        (b"[", "the body is no JSON object."),
        ({"do": "refuse"}, "`count` must be a whole number from 0 on, but it is None."),
        ({"do": "set_clock_rate", "rate": -1}, "`rate` must be a number above 0, but it is -1."),
        ({"do": "drop", "symbols": "BTCUSDT"}, "`symbols` must be a list of names, but it is 'BTCUSDT'."),
        (
            {"do": "dance"},
            f"action 'dance' is unknown; allowed: {', '.join(DEEDS)}.",
        ),
    ],
)
def test_deeds_that_make_no_sense(exchange: Exchange, body: bytes | dict, sentence: str) -> None:
    assert post(exchange, "/act", body) == (400, sentence)


def test_paths_and_plays_that_do_not_exist(exchange: Exchange) -> None:
    assert post(exchange, "/nosuch", {}) == (404, "the control port has no POST /nosuch.")
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(exchange.addresses["control_url"] + "/plays/nosuch", timeout=PATIENCE)
        assert (answer.status_code, answer.json()) == (404, {"error": "play nosuch is unknown."})
        assert session.get(exchange.addresses["control_url"] + "/health", timeout=PATIENCE).json() == {
            "status": "ok"
        }


def test_events_since(market: Market) -> None:
    client = market.exchange.client
    client.act("refuse", count=0)
    last = client.events()[-1]["n"]
    market.sent(3)
    assert [event["what"] for event in client.events(last)][:2] == ["play", "play-ended"]
