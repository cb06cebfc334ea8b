"""Health checks over the wire."""

import asyncio
import struct
from collections.abc import Awaitable, Callable

import pytest
from tickproof.stack.checks import Answer, ask
from tickproof.stack.model import Probe

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answer_of(kind: str, talk: Talk, address: str = "127.0.0.1:{port}", timeout: float = 1.0) -> Answer:
    """Asks a server that talks so."""

    async def run() -> Answer:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            return await ask(Probe(kind, ""), address.format(port=port), timeout)  # type: ignore[arg-type]
        finally:
            server.close()

    return asyncio.run(run())


def http(response: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        assert request.startswith(b"GET /health/ready?deep=1 HTTP/1.1\r\nHost: 127.0.0.1:")
        writer.write(response)
        writer.close()

    return talk


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Answer(ok=True, said="HTTP 200")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Answer(ok=True, said="HTTP 204")),
        (b"HTTP/1.1 302 Found\r\n\r\n", Answer(ok=True, said="HTTP 302")),
        (
            b"HTTP/1.1 503 No\r\nA: b\r\n\r\nwaiting for\n kafka",
            Answer(ok=False, said="HTTP 503: waiting for kafka"),
        ),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", Answer(ok=False, said="HTTP 404")),
        (b"hello\r\n", Answer(ok=False, said="the answer is not HTTP")),
        (b"", Answer(ok=False, said="the answer is not HTTP")),
        (b"HTTP/1.1\r\n", Answer(ok=False, said="the answer is not HTTP")),
    ],
)
def test_http_is_judged_by_its_status(response: bytes, answer: Answer) -> None:
    assert answer_of("http", http(response), "http://127.0.0.1:{port}/health/ready?deep=1") == answer


def kafka(response: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        key, version, correlation, length = struct.unpack(">hhih", (await reader.readexactly(size))[:10])
        assert (key, version, correlation, length) == (18, 0, 7, len("tickproof"))
        writer.write(response)
        writer.close()

    return talk


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (struct.pack(">iihi", 10, 7, 0, 0), Answer(ok=True, said="ApiVersions answered")),
        (struct.pack(">iihi", 10, 7, 35, 0), Answer(ok=False, said="ApiVersions answered error 35")),
        (struct.pack(">iihi", 10, 8, 0, 0), Answer(ok=False, said="the answer is not Kafka's")),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Answer(ok=False, said="the answer is not Kafka's")),
    ],
)
def test_kafka_is_judged_by_its_answer_to_one_request(response: bytes, answer: Answer) -> None:
    assert answer_of("kafka", kafka(response)) == answer


def test_half_an_answer_is_none() -> None:
    answer = answer_of("kafka", kafka(b"\x00\x00"))
    assert not answer.ok
    assert answer.said.startswith("no valid answer")


def test_silence_counts_as_a_failure_after_the_time_out() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        finally:
            writer.close()

    assert answer_of("http", talk, "http://127.0.0.1:{port}/", 0.05) == Answer(
        ok=False, said="no answer within 0.05 s"
    )


def test_a_port_that_nobody_listens_on_is_told() -> None:
    answer = asyncio.run(ask(Probe("http", ""), "http://127.0.0.1:1/", 1.0))
    assert answer == Answer(ok=False, said="nothing listens on its port")
