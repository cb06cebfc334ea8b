import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pytest
from tickproof.ledger.schemas import SEEN
from tickproof.probes.api import ApiProbe
from tickproof.probes.errors import HopUnreachableError, UnreadableRowError
from tickproof.probes.mapping import Own
from tickproof.target import Target, TargetError

Asked = dict[str, list[str]]
Answer = tuple[int, dict[str, str], str]


def trade(symbol: str, trade_id: int, **others: object) -> dict[str, object]:
    return {
        "symbol": symbol, "trade_id": trade_id, "price": "0.00000001", "quantity": "5",
        "event_time": "2026-01-02T03:04:05.000006Z", "side": "sell", "source": "live",
        "write_time": "2026-01-02T03:04:06Z", **others,
    }  # fmt: skip


class FakeApi:
    """A tiny API: what it was asked, and how it answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Asked, dict[str, str]]] = []
        self.answer: Callable[[Asked], Answer] = self.pages
        self.rows = [trade(symbol, n) for symbol in ("BTCUSDT", "ETHBTC") for n in range(5)]
        self.port = ""

    def pages(self, asked: Asked) -> Answer:
        rows = [row for row in self.rows if row["symbol"] in asked["symbol"]]
        first, size = int(asked.get("cursor", ["0"])[0]), int(asked["limit"][0])
        more = str(first + size) if first + size < len(rows) else None
        return 200, {}, json.dumps({"data": rows[first : first + size], "next_cursor": more})

    def always(self, status: int, body: Any, **headers: str) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.answer = lambda _: (status, {k.replace("_", "-"): v for k, v in headers.items()}, text)


@pytest.fixture
def api() -> Iterator[FakeApi]:
    fake = FakeApi()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            asked = parse_qs(url.query)
            fake.asked.append((url.path, asked, dict(self.headers)))
            status, headers, text = fake.answer(asked)
            body = text.encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        fake.port = str(server.server_address[1])
        yield fake
        server.shutdown()
        thread.join()


class NoTime:
    """A clock that needs no time."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def pace() -> NoTime:
    return NoTime()


@pytest.fixture
def variables(api: FakeApi, ports: dict[str, str]) -> dict[str, str]:
    keys = "default:open-sesame:600,limited:shut:1"
    return {**ports, "STATE_DIR": "/nowhere", "API_PORT": api.port, "API_KEYS": keys}


@pytest.fixture
def probe(embedded: Target, variables: dict[str, str], pace: NoTime) -> Iterator[ApiProbe]:
    probe = ApiProbe(embedded, variables, pace=pace)
    yield probe
    probe.close()


def test_all_pages_are_read(api: FakeApi, probe: ApiProbe) -> None:
    seen = probe.read(["BTCUSDT", "ETHBTC"], 3)
    assert seen.schema == SEEN
    assert seen["trade_id"].to_pylist() == [0, 1, 2, 3, 4] * 2
    assert seen["lane"].to_pylist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]
    assert seen["offset"].to_pylist() == [0, 1, 2] * 3 + [0]
    assert seen["event_time"].cast("int64")[0].as_py() == 1767323045000006000
    assert seen["hop_time_ns"][0].as_py() == 1767323046000000000
    assert set(map(str, seen["price"].to_pylist())) == {"1.0000000000E-8"}
    assert seen["price_text"].null_count == 10
    assert probe.traffic.requests == len(api.asked) == 4
    path, asked, headers = api.asked[1]
    assert (path, asked) == ("/v1/trades", {"symbol": ["BTCUSDT", "ETHBTC"], "limit": ["3"], "cursor": ["3"]})
    assert headers["X-API-Key"] == "open-sesame"


def test_first_ids_and_further_parameters_are_heeded(api: FakeApi, probe: ApiProbe) -> None:
    seen = probe.read({"BTCUSDT": 3}, parameters={"start": "2026-01-01T00:00:00Z"}, key="limited")
    assert seen["trade_id"].to_pylist() == [3, 4]
    _, asked, headers = api.asked[0]
    assert asked == {"start": ["2026-01-01T00:00:00Z"], "symbol": ["BTCUSDT"], "limit": ["10000"]}
    assert headers["X-API-Key"] == "shut"


def test_many_symbols_take_several_requests(api: FakeApi, probe: ApiProbe) -> None:
    api.rows = [trade(f"S{n}USDT", 1) for n in range(120)]
    seen = probe.read([f"S{n}USDT" for n in range(120)])
    assert seen.num_rows == 120
    assert [len(asked["symbol"]) for _, asked, _ in api.asked] == [50, 50, 20]
    assert set(seen["lane"].to_pylist()) == {0, 1, 2}


def test_no_symbols_ask_nothing(api: FakeApi, probe: ApiProbe) -> None:
    assert probe.read([]).schema == SEEN
    assert api.asked == []


@pytest.mark.parametrize("told", ["7", "a date"])
def test_a_429_is_waited_out_as_told(api: FakeApi, probe: ApiProbe, pace: NoTime, told: str) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=7), usegmt=True)
    answers = iter([(429, {"Retry-After": date if told == "a date" else told}, "{}")] * 2)
    api.answer = lambda asked: next(answers, None) or api.pages(asked)
    assert probe.read(["BTCUSDT"]).num_rows == 5
    assert len(pace.slept) == 2
    assert pace.slept == pytest.approx([7, 7], abs=1.5)
    assert (probe.traffic.requests, probe.traffic.throttled) == (3, 2)
    assert probe.traffic.waited.total_seconds() == pytest.approx(14, abs=3)


def test_a_429_without_end_is_a_failure(api: FakeApi, probe: ApiProbe, pace: NoTime) -> None:
    api.always(429, {}, Retry_After="50")
    with pytest.raises(
        AssertionError, match=r"should serve a client that waits as told within 2 min.* 2\.5 min"
    ):
        probe.read(["BTCUSDT"])
    assert pace.slept == [50, 50]


@pytest.mark.parametrize(
    ("headers", "words"), [({}, "is not there"), ({"Retry_After": "soon"}, 'says "soon"')]
)
def test_a_429_must_say_how_long(api: FakeApi, probe: ApiProbe, headers: dict[str, str], words: str) -> None:
    api.always(429, {}, **headers)
    with pytest.raises(AssertionError, match=rf"Retry-After should say how long to wait, but it {words}"):
        probe.read(["BTCUSDT"])


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (500, "boom", r"GET /v1/trades should answer 200, but answered 500\."),
        (403, {"title": "Forbidden", "detail": "Wrong key."}, r"answered 403 \(Forbidden: Wrong key\)\."),
        (200, "<html>", r"should answer JSON, but Expecting value"),
        (200, [], r"should answer a list of rows as `data`, but did not"),
        (200, {"data": {}}, r"should answer a list of rows as `data`"),
        (200, {"data": [1]}, r"should answer a list of rows as `data`"),
        (200, {"data": [], "next_cursor": 7}, r"should give `next_cursor` as text or null"),
        (
            200,
            {"data": [], "next_cursor": "x"},
            r"should give a new cursor with each page, but after page 2 ",
        ),
    ],
)
def test_a_wrong_answer_is_told(api: FakeApi, probe: ApiProbe, status: int, body: Any, sentence: str) -> None:
    api.always(status, body)
    with pytest.raises(AssertionError, match=sentence):
        probe.read(["BTCUSDT"])


def test_more_rows_than_asked_for_are_a_failure(api: FakeApi, probe: ApiProbe) -> None:
    api.always(200, {"data": api.rows, "next_cursor": None})
    with pytest.raises(AssertionError, match="should give at most 3 rows a page, but gave 10"):
        probe.read(["BTCUSDT"], 3)


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ({"price": 0.1}, r"price should be text, but is the number 0\.1 \(page 1, row 2\)"),
        (
            {"price": "0.1234567890123456789"},
            r"price should fit .* is 0\.1234567890123456789 \(page 1, row 2\)",
        ),
        ({"trade_id": "4"}, r'trade_id should be a whole number, but is the text "4" \(page 1, row 2\)'),
        ({"trade_id": None}, r"A trade at api should have a trade_id \(page 1, row 2\)"),
        (
            {"event_time": "2026-01-02T03:04:05"},
            r"event_time should be a time with a zone .*\(page 1, row 2\)",
        ),
    ],
)
def test_a_row_that_is_no_trade_is_named(
    api: FakeApi, probe: ApiProbe, field: dict[str, object], sentence: str
) -> None:
    api.rows[5].update(field, symbol="BTCUSDT")
    with pytest.raises(UnreadableRowError, match=sentence):
        probe.read(["BTCUSDT"], 3)


def test_an_api_that_is_not_there_is_not_reachable(embedded: Target, variables: dict[str, str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
        probe = ApiProbe(embedded, {**variables, "API_PORT": port})
        with pytest.raises(
            HopUnreachableError,
            match=rf"The API at http://127\.0\.0\.1:{port} does not answer: connection refused\.",
        ):
            probe.read(["BTCUSDT"])


def test_a_key_that_the_target_does_not_know_is_a_misuse(probe: ApiProbe) -> None:
    with pytest.raises(ValueError, match=r"no API key for `limted`; .* Did you mean `limited`\?"):
        probe.read(["BTCUSDT"], key="limted")


def test_a_key_that_is_not_there_is_told_without_what_is(embedded: Target, variables: dict[str, str]) -> None:
    probe = ApiProbe(embedded, {**variables, "API_KEYS": "other:hidden-word:1"})
    with pytest.raises(TargetError) as caught:
        probe.read(["BTCUSDT"])
    assert "API_KEYS holds nothing that matches" in str(caught.value)
    assert "hidden-word" not in str(caught.value)


def test_a_plain_request_is_answered_as_it_is(api: FakeApi, probe: ApiProbe) -> None:
    api.always(404, {"title": "Not Found"})
    assert probe.get("/v1/nothing", {"a": ["x", "y"]}, key=None).status_code == 404
    path, asked, headers = api.asked[0]
    assert (path, asked) == ("/v1/nothing", {"a": ["x", "y"]})
    assert "X-API-Key" not in headers


def test_a_proxy_of_the_environment_is_not_for_this_machine(
    probe: ApiProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert probe.read(["BTCUSDT"]).num_rows == 5


def test_a_row_that_was_not_asked_for_is_a_failure(api: FakeApi, probe: ApiProbe) -> None:
    api.always(200, {"data": [trade("BTCUSDT", 1), trade("ETHBTC", 2)], "next_cursor": None})
    with pytest.raises(
        AssertionError,
        match=r"should give trades of the symbols that were asked for only, but gave ETHBTC 2 \(page 0, row 1\)",
    ):
        probe.read(["BTCUSDT"])


def test_an_id_that_cannot_be_is_seen(api: FakeApi, probe: ApiProbe) -> None:
    api.rows.append(trade("BTCUSDT", -(2**63)))
    own = Own({"BTCUSDT": 3}, {"BTCUSDT": (0, 100), "ETHBTC": (0, 100)})
    assert probe.read(own)["trade_id"].to_pylist() == [3, 4, -(2**63)]


def test_something_may_happen_between_two_pages_until_it_is_done(api: FakeApi, probe: ApiProbe) -> None:
    between = []

    def look(page: pa.Table) -> bool:
        between.append((len(api.asked), page.num_rows))
        return len(between) == 2

    probe.read(["BTCUSDT", "ETHBTC"], 1, between=look)
    assert between == [(1, 1), (2, 1)]
    probe.read(["BTCUSDT"], 5, between=look)
    assert len(between) == 2
