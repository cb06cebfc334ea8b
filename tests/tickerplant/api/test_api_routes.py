"""Routes as a client meets them: answers, refusals, limits, forms."""

import csv
import io
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from api_support import KEY, NOON, Answer, Api, Lake, make_api, trade

from tickerplant.api.parts import Parts
from tickerplant.api.store import Snapshots, TradeStore
from tickerplant.lake import ARROW_SCHEMA, LakeUnavailableError

DATA_ROUTES = {
    "/v1/trades": {},
    "/v1/trades/latest": {},
    "/v1/symbols": {},
    "/v1/bars": {"symbol": "AAA", "interval": "1m"},
    "/v1/snapshots": {},
}
GUARDED = [*DATA_ROUTES, "/v1/statistics", "/v1/summary/AAA/2026-01-02", "/v1", "/v1/nothing"]


def problem(answer: Answer, status: int) -> str:
    """See that an answer is a problem, and return its detail."""
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert sorted(body) == ["detail", "instance", "status", "title", "type"]
    assert body["status"] == status
    assert body["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
    for inside in ("Traceback", "site-packages", ".py", "/tmp", "sqlite", "pyarrow", "iceberg", "Error("):
        assert inside not in answer.text
    return str(body["detail"])


def test_a_trade_is_served_as_it_was_stored(lake: Lake, api: Api) -> None:
    snapshot = lake.append(trade("ETHBTC", 7, NOON + 6, "0.00000001", "1200.10"))
    answer = api.get("/v1/trades")
    assert answer.json() == {
        "data": [
            {
                "symbol": "ETHBTC",
                "trade_id": 7,
                "price": "0.00000001",
                "quantity": "1200.1",
                "event_time": "2026-01-02T03:04:05.000006Z",
                "venue_time": "2026-01-02T03:04:05.000007Z",
                "side": "buy",
                "source": "live",
                "ingest_time": "2026-01-02T03:04:05.000008Z",
                "write_time": "2026-01-02T03:04:05.000009Z",
            }
        ],
        "next_cursor": None,
        "snapshot": str(snapshot),
    }
    assert answer.headers["snapshot"] == str(snapshot)


@pytest.mark.parametrize("made", [False, True], ids=["no table", "an empty table"])
def test_an_empty_platform_answers_empty(lake: Lake, api: Api, *, made: bool) -> None:
    if made:
        lake.create()
    for path, parameters in DATA_ROUTES.items():
        answer = api.get(path, **parameters)
        assert answer.status == 200
        assert answer.json()["data"] == []
    assert api.get("/v1/statistics").json()["rows"] == 0
    problem(api.get("/v1/summary/AAA/2026-01-02"), 404)
    assert api.get("/v1/trades", format="ndjson").body == b""
    for form in ("arrow", "parquet", "csv"):
        assert table_of(api.get("/v1/trades", format=form), form) == []
    assert api.get("/health/live").status == 200
    assert api.get("/health/ready").status == (200 if made else 503)


def test_an_empty_commit_is_a_snapshot_without_rows(lake: Lake, api: Api) -> None:
    snapshot = lake.append()
    assert api.get("/v1/trades").json() == {"data": [], "next_cursor": None, "snapshot": str(snapshot)}
    assert api.get("/v1/symbols").json() == {"data": [], "snapshot": str(snapshot)}


def test_the_latest_trade_has_the_greatest_id(lake: Lake, api: Api) -> None:
    lake.append(trade("AAA", 3, NOON + 5), trade("AAA", 5, NOON), trade("BBB", 1, NOON))
    lake.append(trade("AAA", 4, NOON + 10), trade("CCC", 9, NOON - 86_400_000_000))
    found = api.get("/v1/trades/latest").json()["data"]
    assert [(row["symbol"], row["trade_id"]) for row in found] == [("AAA", 5), ("BBB", 1), ("CCC", 9)]
    found = api.get("/v1/trades/latest", symbol=["CCC", "AAA", "ZZZ"]).json()["data"]
    assert [row["symbol"] for row in found] == ["AAA", "CCC"]


def test_symbols_statistics_and_snapshots_tell_what_is_there(lake: Lake, api: Api) -> None:
    first = lake.append(trade("AAA", 1, NOON), trade("AAA", 2, NOON + 5))
    second = lake.append(trade("AAA", 3, NOON - 1), trade("BBB", 1, NOON + 7))
    assert api.get("/v1/symbols").json()["data"] == [
        {
            "symbol": "AAA",
            "trades": 3,
            "first_event_time": "2026-01-02T03:04:04.999999Z",
            "last_event_time": "2026-01-02T03:04:05.000005Z",
        },
        {
            "symbol": "BBB",
            "trades": 1,
            "first_event_time": "2026-01-02T03:04:05.000007Z",
            "last_event_time": "2026-01-02T03:04:05.000007Z",
        },
    ]
    assert [row["symbol"] for row in api.get("/v1/symbols", snapshot=first).json()["data"]] == ["AAA"]
    figures = api.get("/v1/statistics").json()
    assert (figures["rows"], figures["symbols"], figures["files"]) == (4, 2, 2)
    assert figures["newest_event_time"] == "2026-01-02T03:04:05.000007Z"
    assert figures["newest_write_time"] == "2026-01-02T03:04:05.000010Z"
    assert figures["bytes"] > 0
    listed = api.get("/v1/snapshots").json()["data"]
    assert [
        (row["snapshot"], row["parent"], row["rows"], row["added_rows"], row["files"]) for row in listed
    ] == [
        (str(second), str(first), 4, 2, 2),
        (str(first), None, 2, 2, 1),
    ]


def table_of(answer: Answer, form: str) -> list[dict[str, Any]]:
    """Return rows of any form with exact values."""
    if form in {"arrow", "parquet"}:
        table = (
            pa.ipc.open_stream(answer.body).read_all()
            if form == "arrow"
            else pq.read_table(io.BytesIO(answer.body))
        )
        for name in ("price", "quantity"):
            assert table.schema.field(name).type == pa.decimal128(38, 18)
        assert table.schema.field("event_time").type == ARROW_SCHEMA.field("event_time").type
        rows: list[dict[str, Any]] = table.to_pylist()
        times = ("event_time", "venue_time", "ingest_time", "write_time")
        return [row | {name: row[name].strftime("%Y-%m-%dT%H:%M:%S.%fZ") for name in times} for row in rows]
    if form == "csv":
        texts = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
        rows = [{**row, "trade_id": int(row["trade_id"])} for row in texts]
    elif form == "ndjson":
        rows = [json.loads(line) for line in answer.text.splitlines()]
    else:
        rows = answer.json()["data"]
    return [row | {name: Decimal(row[name]) for name in ("price", "quantity")} for row in rows]


def test_all_forms_hold_the_same_rows_and_cursors(lake: Lake, api: Api) -> None:
    odd = 'O"DD,\n'  # no venue has it, but a form must not break on what is stored
    lake.append(
        trade("AAA", 1, NOON, "0.000000000000000001", "99999999999999999999.999999999999999999"),
        trade("AAA", 2, NOON + 999_999, "65000.01", "0.5", source="rest"),
        trade(odd, 2**63 - 1, -1, "1", "0"),
        trade("ZZZ", 3, NOON + 10**9),
    )
    forms = ("json", "ndjson", "csv", "arrow", "parquet")
    answers = {form: api.get("/v1/trades", format=form, limit=3) for form in forms}
    kinds = {form: answer.headers["content-type"].partition(";")[0] for form, answer in answers.items()}
    assert kinds == {
        "json": "application/json",
        "ndjson": "application/x-ndjson",
        "csv": "text/csv",
        "arrow": "application/vnd.apache.arrow.stream",
        "parquet": "application/vnd.apache.parquet",
    }
    expected = table_of(answers["json"], "json")
    assert [row["symbol"] for row in expected] == [odd, "AAA", "AAA"]
    for form, answer in answers.items():
        assert table_of(answer, form) == expected, form
        behind = api.get("/v1/trades", format=form, cursor=answer.headers["next-cursor"])
        assert [row["symbol"] for row in table_of(behind, form)] == ["ZZZ"]
        assert "next-cursor" not in behind.headers


BAD = [
    ("/v1/trades", {"limit": "0"}, "limit must be a whole number from 1 to 10000."),
    ("/v1/trades", {"limit": "10001"}, "limit must be a whole number from 1 to 10000."),
    ("/v1/trades", {"limit": "9" * 400}, "limit must be a whole number from 1 to 10000."),
    ("/v1/trades", {"limit": "1_0"}, "limit must be a whole number from 1 to 10000."),
    ("/v1/trades", {"limit": "٣"}, "limit must be a whole number from 1 to 10000."),
    ("/v1/trades", {"limit": ["1", "2"]}, "limit may be given once only."),
    ("/v1/trades", {"limit": ""}, "limit must be a whole number from 1 to 10000."),
    ("/v1/trades", {"symbol": "btcusdt"}, "symbol must be a symbol as the venue writes it, such as BTCUSDT."),
    ("/v1/trades", {"symbol": "A\x00"}, "symbol must be a symbol as the venue writes it, such as BTCUSDT."),
    ("/v1/trades", {"symbol": "A\n"}, "symbol must be a symbol as the venue writes it, such as BTCUSDT."),
    ("/v1/trades", {"symbol": ["A"] * 121}, "symbol may be given at most 120 times."),
    ("/v1/trades", {"start": "yesterday"}, "start must be an RFC 3339 time with a zone, such as"),
    ("/v1/trades", {"start": "2026-01-02T03:04:05"}, "start names no zone"),
    ("/v1/trades", {"end": "2026-02-30T03:04:05Z"}, "end names a day that is not in the calendar."),
    (
        "/v1/trades",
        {"start": "2026-01-02T03:04:05Z", "end": "2026-01-02T10:04:04+07:00"},
        "start must not be later than end.",
    ),
    ("/v1/trades", {"format": "xml"}, "format must be one of json, ndjson, csv, arrow, parquet."),
    ("/v1/trades", {"cursor": "AAAA"}, "cursor is not one that was given out, or it was altered."),
    ("/v1/trades", {"cursor": "'"}, "cursor must be a next_cursor of an earlier answer."),
    ("/v1/trades", {"snapshot": "-1"}, "snapshot must be the id of a snapshot"),
    ("/v1/trades", {"snapshot": str(2**63)}, "snapshot must be the id of a snapshot"),
    ("/v1/trades", {"symbols": "A"}, "symbols is no parameter of this route; it knows: cursor, end, format,"),
    ("/v1/trades", {"<script>": "A"}, "A name in the query is no parameter of this route"),
    ("/v1/symbols", {"limit": "1"}, "limit is no parameter of this route; it knows: snapshot."),
    ("/v1/snapshots", {"a": "1"}, "a is no parameter of this route; it knows: none."),
    ("/health/live", {"a": "1"}, "a is no parameter of this route; it knows: none."),
    ("/v1/bars", {"interval": "1m"}, "symbol is needed."),
    ("/v1/bars", {"symbol": "A", "interval": "2m"}, "interval must be one of 1s, 5s, 1m, 5m, 15m, 1h, 1d."),
    ("/v1/bars", {"symbol": ["A", "B"], "interval": "1m"}, "symbol may be given once only."),
    ("/v1/summary/btc/2026-01-02", {}, "symbol must be a symbol as the venue writes it, such as BTCUSDT."),
    ("/v1/summary/BTC/2026-02-29", {}, "date names a day that is not in the calendar."),
    ("/v1/summary/BTC/today", {}, "date must be a date such as 2026-01-02."),
]


@pytest.mark.parametrize(("path", "parameters", "says"), BAD)
def test_a_bad_parameter_is_named(api: Api, path: str, parameters: dict[str, Any], says: str) -> None:
    assert problem(api.get(path, **parameters), 400).startswith(says)


def test_bytes_that_are_no_text_are_refused(api: Api) -> None:
    for query in (
        b"symbol=%00",
        b"symbol=%ff%fe",
        b"symbol=%ED%A0%80",
        b"symbol=\xff",
        b"%00=1",
        b"=1",
        b"limit=%C2%A01",
    ):
        problem(api.call("GET", "/v1/trades", query), 400)


def test_a_cursor_serves_its_own_question_only(lake: Lake, api: Api) -> None:
    lake.append(*[trade(symbol, i, NOON + i) for symbol in ("AAA", "BBB") for i in range(3)])
    cursor = api.get("/v1/trades", symbol="AAA", limit=1).json()["next_cursor"]
    assert api.get("/v1/trades", symbol="AAA", limit=2, format="csv", cursor=cursor).status == 200
    for other in (
        {},
        {"symbol": "BBB"},
        {"symbol": ["AAA", "BBB"]},
        {"symbol": "AAA", "end": "2030-01-01T00:00:00Z"},
    ):
        says = problem(api.get("/v1/trades", limit=1, cursor=cursor, **other), 400)
        assert says == "cursor belongs to other filters; send the same ones with each page."
    problem(api.get("/v1/bars", symbol="AAA", interval="1m", cursor=cursor), 400)


@pytest.mark.parametrize("path", GUARDED)
def test_without_a_valid_key_nothing_is_told(api: Api, path: str) -> None:
    refused = api.get(path, headers={})
    assert problem(refused, 401) == "A key is needed in the header X-API-Key."
    assert refused.headers["www-authenticate"].startswith("ApiKey")
    for key in ("wrong", "", "sesame ", "Sesame", "é"):
        headers = [(b"x-api-key", key.encode())]
        assert (
            problem(api.call("GET", path, headers=headers), 403)
            == "The key in the header X-API-Key is not known."
        )
    problem(api.call("GET", path, headers=[(b"x-api-key", b"sesame"), (b"x-api-key", b"sesame")]), 403)
    assert "sesame" not in api.logged.getvalue()


def test_a_key_that_asks_too_often_is_told_when_to_come_back(lake: Lake) -> None:
    api = make_api(lake, per_minute=3)
    left = [api.get("/v1/symbols").headers["ratelimit-remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    refused = api.get("/v1/symbols")
    assert problem(refused, 429) == "This key may ask 3 times a minute; ask again in 20 s."
    assert refused.headers["retry-after"] == "20"
    assert refused.headers["ratelimit-limit"] == "3"
    assert refused.headers["ratelimit-remaining"] == "0"
    assert refused.headers["ratelimit-reset"] == "60"
    assert api.get("/health/live").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"])
def test_other_methods_are_refused(api: Api, method: str) -> None:
    for path in ("/v1/trades", "/health/live", "/metrics"):
        answer = api.call(method, path)
        problem(answer, 405)
        assert answer.headers["allow"] == "GET, HEAD"


def test_head_tells_what_get_would_without_the_body(lake: Lake, api: Api) -> None:
    lake.append(trade("AAA", 1, NOON))
    got, told = api.get("/v1/trades"), api.call("HEAD", "/v1/trades")
    assert (told.status, told.body) == (200, b"")
    assert told.headers["content-length"] == got.headers["content-length"] == str(len(got.body))


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/", "/v1/trades/", "/v2/trades", "/docs", "/v1/summary/../../x", "//"]
)
def test_what_is_not_there_is_not_found(api: Api, path: str) -> None:
    problem(api.call("GET", path), 404)


def test_what_is_too_large_is_refused(api: Api) -> None:
    assert problem(api.get("/v1/trades", cursor="x" * 9_000), 414) == "The URL may have at most 8192 bytes."
    problem(api.get("/v1/trades", headers={**KEY, "X-Long": "x" * 20_000}), 431)
    length = [(b"x-api-key", b"sesame"), (b"content-length", b"99999999999999999999999")]
    problem(api.call("GET", "/v1/trades", headers=length), 413)
    chunked = [(b"x-api-key", b"sesame"), (b"transfer-encoding", b"chunked")]
    problem(api.call("GET", "/v1/trades", headers=chunked, body=[b"x" * 10_000] * 2), 413)
    assert api.call("GET", "/v1/trades", headers=chunked, body=[b"x" * 10, b"y"]).status == 200


def test_an_unreachable_lake_is_told_apart_from_a_missing_table(lake: Lake) -> None:
    def refuse() -> Any:
        raise LakeUnavailableError("the catalog sqlite:////secret/catalog.db cannot be opened")

    def without_lake(parts: Parts) -> Parts:
        return replace(parts, store=TradeStore(Snapshots(refuse, max_age=0), 1))

    api = make_api(lake, without_lake)
    assert problem(api.get("/v1/trades"), 503) == "The table of trades cannot be read now."
    assert problem(api.get("/health/ready"), 503).startswith("Not ready: catalog cannot be reached; table")
    assert api.get("/health/live").status == 200
    assert b"snapshot_age_seconds NaN" in api.get("/metrics").body
    ready = make_api(lake).get("/health/ready")
    assert problem(ready, 503) == "Not ready: table does not exist yet."


def test_a_fault_of_ours_is_logged_and_not_told(lake: Lake) -> None:
    class Broken:
        def encode(self, *_: object) -> bytes:
            raise ZeroDivisionError("secret inside")

    api = make_api(lake, lambda parts: replace(parts, encoder=Broken()))  # type: ignore[arg-type]
    answer = api.get("/v1/trades")
    assert "secret inside" not in answer.text
    problem(answer, 500)
    logged = [json.loads(line) for line in api.logged.getvalue().splitlines()]
    failed = next(line for line in logged if line["event"] == "failed")
    assert failed["request"] == answer.headers["x-request-id"]
    assert "secret inside" in failed["traceback"]
    assert logged[-1]["status"] == 500


def test_metrics_count_requests_and_rows(lake: Lake, api: Api) -> None:
    lake.append(trade("AAA", 1, NOON), trade("AAA", 2, NOON))
    api.get("/v1/trades")
    api.get("/v1/trades", limit="x")
    api.get("/v1/made/up/by/the/caller")
    text = api.get("/metrics").text
    assert 'tickerplant_api_requests_total{method="GET",route="/v1/trades",status="200"} 1.0' in text
    assert 'tickerplant_api_requests_total{method="GET",route="/v1/trades",status="400"} 1.0' in text
    assert 'tickerplant_api_requests_total{method="GET",route="none",status="404"} 1.0' in text
    assert 'tickerplant_api_rows_served_total{route="/v1/trades"} 2.0' in text
    assert 'tickerplant_api_request_seconds_count{route="/v1/trades"} 2.0' in text
    assert "tickerplant_api_snapshot_age_seconds " in text
