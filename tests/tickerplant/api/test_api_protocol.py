"""What reaches the API over a socket and is no request, or not yet: sizes, times, nonsense."""

import io
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
from api_support import Lake
from common.waits import PATIENCE, until

from tickerplant.api.authenticator import Client
from tickerplant.api.service import assemble, run
from tickerplant.api.settings import Settings
from tickerplant.service import Log, Stop

MEGABYTE = b"a" * (1 << 20)


@dataclass(frozen=True)
class Answer:
    status: int
    head: str
    body: bytes

    @property
    def kind(self) -> str:
        assert "content-type: application/problem+json" in self.head
        assert "connection: close" in self.head
        assert "x-request-id: " in self.head
        problem = json.loads(self.body)
        assert problem["status"] == self.status
        return str(problem["type"].rpartition(":")[2])


class Here:
    """An API on a port of its own."""

    def __init__(self, folder: Path, request_seconds: float) -> None:
        lake = Lake(folder)
        lake.create()
        settings = Settings(lake.uri, lake.warehouse, {"sesame": Client("analyst", 1_000_000)})
        self.logged = io.StringIO()
        service = assemble(settings, Log("api", level="debug", stream=self.logged))
        self.stop = Stop()
        service = replace(service, request_seconds=request_seconds)
        self.thread = threading.Thread(target=run, args=(service, self.stop))
        self.thread.start()
        self.port = int(json.loads(until(self.logged.getvalue).splitlines()[0])["port"])

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def send(self, *pieces: bytes) -> Answer:
        """Send until there is an answer."""
        with self.connect() as line:
            for piece in pieces:
                try:
                    line.sendall(piece)
                except (BrokenPipeError, ConnectionResetError):
                    break
            return answer(line)

    def ended(self) -> None:
        self.stop.set()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


def answer(line: socket.socket) -> Answer:
    """Read one answer to the end of the connection."""
    text = b""
    while True:
        try:
            piece = line.recv(1 << 16)
        except ConnectionResetError:
            piece = b""
        if not piece:
            break
        text += piece
    head, _, body = text.partition(b"\r\n\r\n")
    return Answer(int(head.split(b" ")[1]) if head else 0, head.decode().lower(), body)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    one = Here(tmp_path, request_seconds=600)
    yield one
    one.ended()


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Here]:
    one = Here(tmp_path, request_seconds=0.2)
    yield one
    one.ended()


HEAD = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("head", "status", "kind"),
    [
        (HEAD + b"X-A: ", 431, "headers-too-large"),
        (HEAD + b"X", 431, "headers-too-large"),
        (HEAD + b"X-A: b\r\n" * 4_000, 431, "headers-too-large"),
        (b"GET /", 414, "url-too-long"),
        (b"GET /v1/trades?limit=", 414, "url-too-long"),
    ],
)
def test_a_head_that_goes_on_and_on_is_refused_before_it_is_in_memory(
    here: Here, head: bytes, status: int, kind: str
) -> None:
    before = psutil.Process().memory_info().rss
    with here.connect() as line:
        line.sendall(head)
        sent = 0
        try:
            while sent < 100:
                line.sendall(MEGABYTE)
                sent += 1
        except (BrokenPipeError, ConnectionResetError):
            pass
        got = answer(line)
    assert psutil.Process().memory_info().rss - before < 30 << 20
    if got.status:  # a client that does not read before it has sent all may find the connection reset
        assert (got.status, got.kind) == (status, kind)
    assert sent < 100 or got.status == status


@pytest.mark.parametrize(
    ("head", "status", "kind"),
    [
        (HEAD + b"X-A: " + b"a" * 50_000, 431, "headers-too-large"),
        (HEAD + b"X-A: " + b"a" * 20_000 + b"\r\n\r\n", 431, "headers-too-large"),
        (b"GET /" + b"a" * 50_000, 414, "url-too-long"),
        (b"GARBAGE\r\n\r\n", 400, "malformed-request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "malformed-request"),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "malformed-request"),
        (HEAD + b"X Y: 1\r\n\r\n", 400, "malformed-request"),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
            400,
            "malformed-request",
        ),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: " + b"a" * 600_000,
            413,
            "body-too-large",
        ),
    ],
)
def test_what_is_no_request_gets_a_problem(here: Here, head: bytes, status: int, kind: str) -> None:
    if status == 431 and head.endswith(b"\r\n\r\n"):
        head = head.replace(b"Host: x\r\n", b"Host: x\r\nConnection: close\r\n")
    # In small pieces, as a network would.
    got = here.send(*(head[at : at + 8_192] for at in range(0, len(head), 8_192)))
    assert (got.status, got.kind) == (status, kind)


@pytest.mark.parametrize(
    "head",
    [
        b"G",
        HEAD,
        HEAD + b"X-A: b",
        b"\r\n",
        HEAD + b"Content-Length: 5\r\n\r\n",
        HEAD + b"Content-Length: 5\r\n\r\nabc",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
def test_a_request_that_does_not_end_is_refused_after_its_time(hasty: Here, head: bytes) -> None:
    got = hasty.send(head)
    assert (got.status, got.kind) == (408, "request-too-slow")
    assert hasty.logged.getvalue().count('"status":408') >= 1


def test_answers_that_are_due_come_before_the_connection_is_closed(here: Here) -> None:
    got = here.send(HEAD + b"\r\n" + HEAD + b"\r\n" + b"GARBAGE\r\n\r\n")
    text = got.head.encode() + got.body
    assert text.lower().count(b"http/1.1 200 ok") == 2
    assert b"http/1.1 400" not in text.lower()


def test_one_connection_serves_many_requests_and_waits_between_them(hasty: Here) -> None:
    with hasty.connect() as line:
        for _ in range(3):
            line.sendall(HEAD + b"\r\n")
            got = b""
            while not got.endswith(b"}}"):
                piece = line.recv(1 << 16)
                assert piece
                got += piece
            assert got.startswith(b"HTTP/1.1 200")
            threading.Event().wait(0.3)  # longer than a head may take


def test_refusals_are_counted_and_logged_like_all_answers(here: Here) -> None:
    here.send(b"GARBAGE\r\n\r\n")
    with here.connect() as line:
        line.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        text = answer(line).body.decode()
    assert 'tickerplant_api_requests_total{method="other",route="none",status="400"} 1.0' in text
    assert [json.loads(line)["event"] for line in here.logged.getvalue().splitlines()] == [
        "listening",
        "request",
        "request",
    ]
