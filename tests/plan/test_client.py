"""What the client says when the exchange does not answer, refuses, or has no subscriber."""

import json
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from messages.approved import approve
from tickproof.exchange.client import ExchangeClient, ExchangeError, Play
from tickproof.waiting import WaitError


class Stub(BaseHTTPRequestHandler):
    """Answers what a test laid ready."""

    answers: dict[str, tuple[int, str]]

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, body = self.answers[self.path]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_POST = do_GET  # noqa: N815 - the library's name


@pytest.fixture
def answers() -> dict[str, tuple[int, str]]:
    return {}


@pytest.fixture
def client(answers: dict[str, tuple[int, str]]) -> Iterator[ExchangeClient]:
    handler = type("Laid", (Stub,), {"answers": answers})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield ExchangeClient(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


def test_no_answer() -> None:
    with pytest.raises(ExchangeError) as gone:
        ExchangeClient("http://127.0.0.1:1").state()
    approve("exchange-no-answer", str(gone.value))


def test_a_refusal_keeps_its_sentence(client: ExchangeClient, answers: dict[str, tuple[int, str]]) -> None:
    answers["/leases"] = (409, json.dumps({"error": "9 symbols were asked for, but only 2 are free."}))
    with pytest.raises(ExchangeError) as refused:
        client.lease(9)
    approve("exchange-refused", str(refused.value))


def test_an_answer_that_is_no_json(client: ExchangeClient, answers: dict[str, tuple[int, str]]) -> None:
    answers["/act"] = (502, "")
    with pytest.raises(ExchangeError, match="refused POST /act: status 502"):
        client.act("drop")


def test_streams_without_a_subscriber_are_named(
    client: ExchangeClient, answers: dict[str, tuple[int, str]]
) -> None:
    answers["/state"] = (200, json.dumps({"connections": [{"streams": ["btcusdt@trade"]}]}))
    client.wait_subscribed(["BTCUSDT"], timedelta(milliseconds=50))
    with pytest.raises(WaitError) as missing:
        client.wait_subscribed([*"ABCDEFG", "BTCUSDT"], timedelta(milliseconds=50))
    first, second, *_ = str(missing.value).splitlines()
    approve("exchange-no-subscriber", f"{first}\n{second}")


def test_a_failed_play_says_why(client: ExchangeClient, answers: dict[str, tuple[int, str]]) -> None:
    answers["/plays/7"] = (
        200,
        json.dumps({"state": "failed", "total": 1000, "sent": 12, "reason": "the socket broke."}),
    )
    with pytest.raises(ExchangeError, match=r"stopped after 12 of 1,000 rows: the socket broke\."):
        Play(client, "7").wait(timedelta(seconds=1))
