"""Clients of an API that is as it publishes, and of ones that are not: each keyword right, wrong and void."""

import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest
from keywords.conftest import Serve
from keywords.fakes import scene_of, session_of
from keywords.local_http import Answer, Server
from tickproof import clients, session
from tickproof.clients import Clients
from tickproof.probes.contract import Contract
from tickproof.verdicts import Void
from verdicts.small import sent, trade

Query = dict[str, list[str]]

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {"status": {"type": "integer"}},
}
ROWS = {
    "type": "object",
    "additionalProperties": False,
    "required": ["data", "next", "snapshot"],
    "properties": {
        "data": {"type": "array"},
        "next": {"type": ["string", "null"]},
        "snapshot": {"type": "string"},
    },
}
REFUSED = {"description": "no", "content": {"application/problem+json": {"schema": PROBLEM}}}


def query(name: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema}


DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "toy", "version": "1"},
    "security": [{"key": []}],
    "components": {
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}},
        "schemas": {"Format": {"enum": ["json", "csv"], "type": "string"}},
    },
    "paths": {
        "/v1/trades": {
            "get": {
                "parameters": [
                    query("symbol", type="string"),
                    query("start", type="string", format="date-time"),
                    query("end", type="string", format="date-time"),
                    query("limit", type="integer", minimum=1, maximum=9),
                    query("cursor", type="string"),
                    query("snapshot", type="string"),
                    {"name": "format", "in": "query", "schema": {"$ref": "#/components/schemas/Format"}},
                ],
                "responses": {
                    "200": {
                        "description": "ok",
                        "content": {
                            "application/json": {"schema": ROWS},
                            "text/csv": {"schema": {"type": "string"}},
                        },
                    },
                    **dict.fromkeys(("400", "401", "403", "429"), REFUSED),
                },
            }
        },
        "/v1/symbols": {
            "get": {
                "responses": {
                    "200": {"description": "ok", "content": {"application/json": {"schema": {}}}},
                    **dict.fromkeys(("400", "401", "403", "429"), REFUSED),
                }
            }
        },
    },
}


def problem(status: int, detail: str = "No.", **headers: str) -> Answer:
    body = {"type": "about:blank", "title": "No", "status": status, "detail": detail}
    return Answer.of(body, status, "application/problem+json", **headers)


class Toy:
    """A good little API; a test replaces the part of it that is to be wrong."""

    def __init__(self) -> None:
        self.document = json.loads(json.dumps(DOCUMENT))
        self.trades: Callable[[Query], Answer] = self.good_trades
        self.symbols: Callable[[str], Answer] = lambda _key: Answer.of({"data": []})
        self.rows: list[Any] = [{"symbol": "ETHBTC"}]
        self.asked: list[Query] = []

    def good_trades(self, asked: Query) -> Answer:
        refused = self.refusal(asked)
        if refused:
            return refused
        if asked.get("format") == ["csv"]:
            return Answer("symbol\nETHBTC\n", kind="text/csv")
        more = "more" if asked.get("limit") == ["1"] else None
        return Answer.of({"data": self.rows, "next": more, "snapshot": "7"})

    def refusal(self, asked: Query) -> Answer | None:
        def is_time(text: str) -> bool:
            return text.endswith("Z")

        forms: dict[str, Callable[[str], bool]] = {
            "symbol": lambda text: text.isalnum() and text.isupper(),
            "start": is_time,
            "end": is_time,
            "limit": lambda text: text.isdecimal() and text.isascii() and 1 <= int(text) <= 9,
            "cursor": lambda text: text == "more",
            "snapshot": lambda text: text == "7",
            "format": lambda text: text in {"json", "csv"},
        }
        for name, values in asked.items():
            if name not in forms or len(values) > 1 or not (values[0].isascii() and forms[name](values[0])):
                return problem(400)
        return None

    def guarded(self, answer: Callable[[str, str], Answer]) -> Callable[[str, dict[str, str]], Answer]:
        def answered(text: str, headers: dict[str, str]) -> Answer:
            key = headers.get("x-api-key")
            if key is None:
                return problem(401)
            return answer(text, key) if key in {"good", "guest"} else problem(403)

        return answered

    def serve(self, serve: Serve) -> Server:
        def trades(text: str, _key: str) -> Answer:
            asked = parse_qs(text, keep_blank_values=True)
            self.asked.append(asked)
            return self.trades(asked)

        def symbols(text: str, key: str) -> Answer:
            return problem(400) if text else self.symbols(key)

        return serve(
            {
                "/openapi.json": lambda *_: Answer.of(self.document),
                "/v1/trades": self.guarded(trades),
                "/v1/symbols": self.guarded(symbols),
            }
        )


@pytest.fixture
def toy(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """A good API; `analyst` and `guest` have keys, `newcomer` has none, `stranger` a wrong one."""
    toy = Toy()
    url = toy.serve(serve).url
    route = SimpleNamespace(
        path="/v1/trades", rows="data", range=SimpleNamespace(start="start", end="end"),
        page_size=SimpleNamespace(parameter="limit"), pages=SimpleNamespace(parameter="cursor", next="next"),
    )  # fmt: skip
    hop = SimpleNamespace(url=url, key_header="X-API-Key", trades=route, retry_within=timedelta(seconds=60))
    target = SimpleNamespace(hops=SimpleNamespace(api=hop))
    run = session_of(scene_of(sent(trade(1), trade(2)), "ETHBTC"), target=target, platform=target)
    monkeypatch.setattr(session, "current", run)
    keys = {"analyst": "good", "guest": "guest", "newcomer": None, "stranger": "bad"}

    def contract(alias: str) -> Contract:
        key = keys[alias]
        return Contract(url, headers={"X-API-Key": key} if key else {})

    monkeypatch.setattr(clients, "_contract", contract)
    monkeypatch.setattr(clients, "published_contract", lambda: contract("analyst"))
    return toy


def fails(message: str) -> Any:
    return pytest.raises(AssertionError, match=f"(?s)^(?!VOID).*{message}")


# Keys


def test_routes_that_refuse_whoever_has_no_key_pass(toy: Toy) -> None:
    Clients().every_protected_route_should_answer("newcomer", 401)
    Clients().every_protected_route_should_answer("stranger", 403)
    with fails("without a valid key should be refused: the status should be 401, but it is 200"):
        Clients().every_protected_route_should_answer("analyst", 401)
    toy.document["paths"]["/v1/symbols"]["get"]["security"] = []
    with fails("should protect /v1/symbols"):
        Clients().every_protected_route_should_answer("newcomer", 401)


def test_a_refusal_that_is_not_published_is_red(toy: Toy) -> None:
    del toy.document["paths"]["/v1/trades"]["get"]["responses"]["401"]
    with fails("/v1/trades without a valid key should be refused: "):
        Clients().every_protected_route_should_answer("newcomer", 401)


def test_a_contract_that_guards_nothing_proves_nothing(toy: Toy) -> None:
    del toy.document["security"]
    with pytest.raises(Void, match="protects no route"):
        Clients().every_protected_route_should_answer("newcomer", 401)


# The contract


def test_good_values_for_every_parameter_are_asked_for(toy: Toy) -> None:
    Clients().every_route_should_answer_as_published("analyst")
    asked = [{name: values[0] for name, values in one.items() if name != "symbol"} for one in toy.asked]
    for question in (
        {}, {"format": "json"}, {"format": "csv"}, {"limit": "1"}, {"limit": "9"},
        {"limit": "1", "cursor": "more"}, {"limit": "1", "snapshot": "7"},
        {"start": "2026-01-02T12:00:00.001000Z", "end": "2026-01-02T12:00:00.002001Z"},
    ):  # fmt: skip
        assert question in asked


def answering(toy: Toy, name: str, value: str, answer: Answer) -> None:
    """Let one parameter with one value give another answer."""
    toy.trades = lambda asked: answer if asked.get(name) == [value] else toy.good_trades(asked)


@pytest.mark.parametrize(
    ("name", "value", "answer", "said"),
    [
        ("format", "csv", problem(400), "format=csv should answer 200, but it is 400"),
        ("format", "csv", Answer("x", kind="text/tab-separated-values"), "format=csv .* as published"),
        ("format", "csv", Answer.of({"data": [], "next": None, "snapshot": "7"}), "as text/csv, too"),
        ("limit", "9", problem(400), "limit=9 should answer 200"),
        ("cursor", "more", Answer.of({"data": [], "snapshot": "7"}), "cursor=more .*'next' is a required"),
        ("snapshot", "7", Answer.of({"data": []}), "snapshot=7 .* as published"),
        ("end", "2026-01-02T12:00:00.002001Z", problem(400), "start=.* should answer 200"),
    ],
)
def test_an_answer_that_is_not_as_published_is_red(
    toy: Toy, name: str, value: str, answer: Answer, said: str
) -> None:
    answering(toy, name, value, answer)
    with fails(said):
        Clients().every_route_should_answer_as_published("analyst")


def test_a_route_that_never_pages_proves_nothing(toy: Toy) -> None:
    answering(toy, "limit", "1", Answer.of({"data": [], "next": None, "snapshot": "7"}))
    with pytest.raises(Void, match="gave no cursor to go on with"):
        Clients().every_route_should_answer_as_published("analyst")


# Hostile strings


def test_hostile_strings_are_sent_as_values_names_and_keys(toy: Toy) -> None:
    Clients().hostile_strings_should_get_a_client_error("analyst")
    assert any("'" in one for one in toy.asked)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda asked: "NaN" in asked.get("limit", ()), "with 'NaN' as limit"),
        (lambda asked: "'" in asked, r"with \"'\" as a parameter's name"),
    ],
)
@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (Answer.of({"data": [], "next": None, "snapshot": "7"}), "the status is 200"),
        (problem(500), "the status is 500"),
        (problem(400, "SELECT x"), "tell nothing of the inside"),
        (problem(418), "should be a client error"),  # nobody published it
    ],
)
def test_a_hostile_string_that_gets_through_is_red(
    toy: Toy, wrong: Callable[[Query], bool], said: str, answer: Answer, fault: str
) -> None:
    toy.trades = lambda asked: answer if wrong(asked) else toy.good_trades(asked)
    with fails(f"/v1/trades {said}.*{fault}"):
        Clients().hostile_strings_should_get_a_client_error("analyst")


@pytest.mark.usefixtures("toy")
def test_a_hostile_key_that_breaks_the_api_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Contract.call

    def broken(self: Contract, path: str, *args: Any, headers: Any = None) -> Any:
        answer = usual(self, path, *args, headers=headers)
        if headers and b"DROP" in headers["X-API-Key"]:
            answer.status_code = 500
        return answer

    monkeypatch.setattr(Contract, "call", broken)
    with fails("DROP TABLE trades.* as a key should be a client error: the status is 500"):
        Clients().hostile_strings_should_get_a_client_error("analyst")


# An empty platform


def test_a_platform_without_a_trade_answers_empty(toy: Toy) -> None:
    toy.rows = []
    Clients().every_route_should_answer_empty()
    toy.rows = [{"venue": "whatever it is"}]
    with fails("/v1/trades on an empty platform: there should be no row, but there are 1"):
        Clients().every_route_should_answer_empty()
    toy.trades = lambda _: problem(500)
    with fails("the status should be 200, but it is 500"):
        Clients().every_route_should_answer_empty()


def test_an_empty_table_may_have_snapshots(toy: Toy) -> None:
    toy.rows = []
    toy.document["paths"]["/v1/snapshots"] = toy.document["paths"].pop("/v1/symbols")
    with fails("/v1/snapshots on an empty platform: the status should be 200"):
        Clients().every_route_should_answer_empty()  # the toy has none
    answer = SimpleNamespace(headers={"Content-Type": "application/json"}, json=lambda: {"data": [1]})
    for path, fault in (("/v1/snapshots", None), ("/v1/x", "there should be no row, but there are 1")):
        assert clients._rows_fault(SimpleNamespace(path=path), answer) == fault  # type: ignore[arg-type]


# Limits


class Limits:
    """Refuses a key from its `after`-th call on; all keys together where they share a limit."""

    def __init__(
        self, after: int = 3, told: str = "1", *, shared: bool = False, lets_through: int = 0
    ) -> None:
        self.after = after
        self.told = told
        self.shared = shared
        self.lets_through = lets_through
        self.calls = {"guest": 0, "good": 0}

    def __call__(self, key: str) -> Answer:
        self.calls[key] += 1
        count = sum(self.calls.values()) if self.shared else self.calls["guest"] * (key == "guest")
        if count <= self.after:
            return Answer.of({"data": []})
        if self.lets_through and self.calls["good"] and key == "guest":
            self.lets_through -= 1
            self.calls["good"] = 0
            return Answer.of({"data": []})
        return problem(429, Retry_After=self.told)


def test_one_limit_does_not_touch_the_other(toy: Toy) -> None:
    toy.symbols = Limits()
    Clients().use_up_limit("guest")
    Clients().other_key_should_still_be_served("guest", "analyst")
    toy.symbols = Limits(lets_through=1)  # a call may be allowed again by chance
    Clients().other_key_should_still_be_served("guest", "analyst")


def test_a_limit_that_is_shared_is_red(toy: Toy) -> None:
    toy.symbols = Limits(shared=True)
    with fails("The limit of one key should not touch another, but analyst was answered 429"):
        Clients().other_key_should_still_be_served("guest", "analyst")


def test_a_limit_that_does_not_hold_meanwhile_proves_nothing(toy: Toy) -> None:
    toy.symbols = Limits(lets_through=99)
    with pytest.raises(Void, match="let a call through again each time"):
        Clients().other_key_should_still_be_served("guest", "analyst")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("soon", "Retry-After should be whole seconds, not 'soon'"),
        ("0", "Retry-After should be whole seconds"),
        ("61", r"Retry-After should be at most 60 s \(`hops.api.retry_within`\), not 61 s"),
    ],
)
def test_a_client_must_be_told_for_how_long_to_wait(toy: Toy, told: str, said: str) -> None:
    toy.symbols = Limits(told=told)
    with fails(said):
        Clients().use_up_limit("guest")


def test_a_limit_that_never_comes_is_red(toy: Toy) -> None:
    assert toy.rows
    with fails("The limit of guest should end 5 calls in a row, but none was refused"):
        Clients().use_up_limit("guest", at_most=5)


def test_whoever_waits_as_told_is_served(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(told="7")
    toy.symbols = limits
    waited: list[int] = []

    def wait(seconds: int) -> None:
        waited.append(seconds)
        limits.calls["guest"] = 0

    monkeypatch.setattr(clients.time, "sleep", wait)
    Clients().waiting_as_told_should_be_served("guest")
    assert waited == [7]
    monkeypatch.setattr(clients.time, "sleep", waited.append)
    with fails("A client that waits 7 s as Retry-After says should be served, but it was answered 429"):
        Clients().waiting_as_told_should_be_served("guest")


def test_a_refusal_is_held_against_the_contract(toy: Toy) -> None:
    contract = clients.published_contract()
    answer = contract.call("/v1/trades", {"limit": "none"})
    Clients().answer_should_be_problem(answer, 400)
    with fails("GET /v1/trades.limit=none: the status should be 404, but it is 400"):
        Clients().answer_should_be_problem(answer, 404)
    del toy.document["paths"]["/v1/trades"]["get"]["responses"]["400"]
    with fails("GET /v1/trades.limit=none: "):
        Clients().answer_should_be_problem(answer, 400)


def test_hostile_strings_reach_the_api_as_they_are(toy: Toy) -> None:
    Clients().hostile_strings_should_get_a_client_error("analyst")
    sent_as_symbol = {one["symbol"][0] for one in toy.asked if "symbol" in one}
    assert '"; DROP TABLE trades; --' in sent_as_symbol
    assert unquote("%00") in sent_as_symbol
