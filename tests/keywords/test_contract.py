"""An API held to its own published contract."""

import threading
from typing import Any

import pytest
import requests
from keywords.conftest import Serve
from keywords.local_http import Answer, Server
from messages.approved import approve
from tickproof.probes.contract import Contract, problem_fault, told_inside
from tickproof.probes.errors import HopUnreachableError

TRADE = {
    "type": "object",
    "required": ["symbol", "price"],
    "additionalProperties": False,
    "properties": {"symbol": {"type": "string"}, "price": {"type": "string"}},
}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "toy", "version": "1"},
    "security": [{"key": []}],
    "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}},
    "paths": {
        "/v1/trades/{symbol}": {
            "parameters": [
                {"name": "symbol", "in": "path", "required": True, "schema": {"type": "string"}}
            ],
            "get": {
                "parameters": [
                    {"name": "limit", "in": "query", "schema": {"type": "integer"}},
                    {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
                ],
                "responses": {
                    "200": {"description": "ok", "content": {"application/json": {"schema": TRADE}}}
                },
            },
        },
        "/health": {"get": {"security": [], "responses": {"200": {"description": "ok"}}}},
        "/orders": {"post": {"responses": {"200": {"description": "ok"}}}},
    },
}  # fmt: skip
PROBLEM = {"type": "about:blank", "title": "No", "status": 400, "detail": "limit must be a whole number."}


@pytest.fixture
def server(serve: Serve) -> Server:
    return serve({"/openapi.json": Answer.of(DOCUMENT)})


def test_routes_are_those_that_get_can_call(server: Server) -> None:
    trades, health = Contract(server.url).routes()
    assert (trades.path, trades.guarded) == ("/v1/trades/{symbol}", True)
    assert [trades.named(place) for place in ("path", "query", "header")] == [
        ["symbol"],
        ["limit"],
        ["X-Trace"],
    ]
    assert (health.path, health.guarded, health.parameters) == ("/health", False, ())


def test_a_contract_without_security_guards_nothing(serve: Serve) -> None:
    document = {name: value for name, value in DOCUMENT.items() if name != "security"}
    contract = Contract(serve({"/openapi.json": Answer.of(document)}).url)
    assert [route.guarded for route in contract.routes()] == [False, False]


def test_calls_carry_the_headers_and_lists_repeat_a_parameter(server: Server) -> None:
    Contract(server.url, headers={"X-API-Key": "k"}).call("/v1/trades/A", {"limit": 5, "symbol": ["A", "B"]})
    path, headers = server.asked[-1]
    assert path == "/v1/trades/A?limit=5&symbol=A&symbol=B"
    assert headers["x-api-key"] == "k"


def test_redirections_are_not_followed(server: Server) -> None:
    server.answers["/v1/trades/A"] = Answer(status=307, headers={"Location": "/openapi.json"})
    assert Contract(server.url).call("/v1/trades/A").status_code == 307


GOOD = {"symbol": "A", "price": "1.5"}
AS_PUBLISHED = {
    "sound": Answer.of(GOOD),
}
NOT_AS_PUBLISHED = {
    "a missing field": Answer.of({"symbol": "A"}),
    "a number as price": Answer.of({**GOOD, "price": 1.5}),
    "a field too many": Answer.of({**GOOD, "venue": "x"}),
    "another status": Answer.of(GOOD, 201),
    "another media type": Answer("symbol,price\nA,1.5\n", kind="text/csv"),
    "no JSON": Answer("{"),
}


def fault(server: Server, answer: Answer) -> str | None:
    server.answers["/v1/trades/A"] = answer
    contract = Contract(server.url)
    return contract.fault(contract.call("/v1/trades/A", {"limit": 5}))


@pytest.mark.parametrize("name", AS_PUBLISHED)
def test_what_is_as_published_has_no_fault(server: Server, name: str) -> None:
    assert fault(server, AS_PUBLISHED[name]) is None


@pytest.mark.parametrize("name", NOT_AS_PUBLISHED)
def test_what_is_not_as_published_is_told(server: Server, name: str) -> None:
    assert fault(server, NOT_AS_PUBLISHED[name])


PROBLEMS = {
    "another status": Answer.of({**PROBLEM, "status": 500}, 500, "application/problem+json"),
    "plain JSON": Answer.of(PROBLEM, 400),
    "no type": Answer.of(PROBLEM, 400, ""),
    "no JSON": Answer("nope", 400, "application/problem+json"),
    "a list": Answer.of([], 400, "application/problem+json"),
    "no detail": Answer.of({"type": "x", "status": 400}, 400, "application/problem+json"),
    "another status inside": Answer.of({**PROBLEM, "status": 404}, 400, "application/problem+json"),
    "a trace": Answer.of({**PROBLEM, "detail": "Traceback (most ..."}, 400, "application/problem+json"),
    "a query": Answer.of({**PROBLEM, "detail": "near 'select x'"}, 400, "application/problem+json"),
}


def answer_of(serve: Serve, answer: Answer) -> requests.Response:
    return requests.get(serve({"/": answer}).url + "/", timeout=5)


def test_a_problem_as_the_standard_says_has_no_fault(serve: Serve) -> None:
    good = Answer.of(PROBLEM, 400, "application/problem+json; charset=utf-8")
    assert problem_fault(answer_of(serve, good), 400) is None


def test_what_is_wrong_with_a_problem_is_told(serve: Serve) -> None:
    told = [f"{name}: {problem_fault(answer_of(serve, answer), 400)}" for name, answer in PROBLEMS.items()]
    approve("problem-faults", "\n".join(told))


@pytest.mark.parametrize("word", ["/tmp/x", "/srv/a.py", "DuckDB failed", "SQLITE_BUSY", "KeyException"])
def test_words_of_the_inside_are_found(word: str) -> None:
    assert told_inside(f"it failed: {word}")


def test_an_innocent_text_tells_nothing() -> None:
    assert told_inside("`limit` must be a whole number from 1 to 10000, not ten; see /v1/trades") is None


def test_a_contract_that_cannot_be_had_is_told(serve: Serve) -> None:
    told = []
    broken = serve({"/openapi.json": Answer("<html>", kind="text/html")})
    absent = serve({})
    for server in (broken, absent):
        with pytest.raises(AssertionError) as failure:
            Contract(server.url)
        told.append(str(failure.value))
    done = threading.Event()
    slow = serve({"/openapi.json": lambda *_: Answer(body=str(done.wait(5)))})
    with pytest.raises(HopUnreachableError) as late:
        Contract(slow.url, timeout=0.2)
    done.set()
    told.append(str(late.value).replace(slow.url, "URL"))
    absent.close()
    with pytest.raises(HopUnreachableError) as gone:
        Contract(absent.url)
    told.append(str(gone.value).replace(absent.url, "URL"))
    approve("contract-unreachable", "\n".join(told))
