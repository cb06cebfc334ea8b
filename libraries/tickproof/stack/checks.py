"""Asks a service for its health over the wire, inside the supervisor: no interpreter starts for it."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tickproof.stack.model import Probe

_API_VERSIONS = 18
_CORRELATION = 7


class Answer(NamedTuple):
    """What a check found: whether the service is well, and its answer in words."""

    ok: bool
    said: str


async def ask(probe: Probe, address: str, timeout: float) -> Answer:  # noqa: ASYNC109 - a refusal in time is an answer
    """Check a service once.

    Args:
        probe: how to ask.
        address: where, all variables filled in.
        timeout: seconds after which silence counts as a failure.
    """
    try:
        async with asyncio.timeout(timeout):
            if probe.kind == "http":
                return await _http(address)
            if probe.kind == "kafka":
                return await _kafka(address)
            return _file(Path(address))
    except TimeoutError:
        return Answer(False, f"no answer within {timeout:g} s")
    except ConnectionRefusedError:
        return Answer(False, "nothing listens on its port")
    except (OSError, EOFError, ValueError, struct.error) as error:
        return Answer(False, f"no valid answer ({error or type(error).__name__})")


def _file(path: Path) -> Answer:
    there = path.exists()
    return Answer(there, "" if there else f"{path.name} is not there yet")


@contextlib.asynccontextmanager
async def _connected(
    host: str, port: int
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        # A port that nobody listens on can connect to itself when it lies in the range of outgoing ports.
        if writer.get_extra_info("sockname") == writer.get_extra_info("peername"):
            raise ConnectionRefusedError
        yield reader, writer
    finally:
        writer.transport.abort()


async def _http(url: str) -> Answer:
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    async with _connected(parts.hostname or "127.0.0.1", parts.port or 80) as (reader, writer):
        request = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        line = (await reader.readline()).decode("latin-1").split(maxsplit=2)
        if len(line) < 2 or not line[0].startswith("HTTP/") or not line[1].isdecimal():
            return Answer(False, "the answer is not HTTP")
        status = int(line[1])
        if 200 <= status < 400:
            return Answer(True, f"HTTP {status}")
        with contextlib.suppress(ValueError, asyncio.LimitOverrunError):
            while (await reader.readline()).strip():
                pass
        body = " ".join((await reader.read(300)).decode("utf-8", "replace").split())
        return Answer(False, f"HTTP {status}{': ' if body else ''}{body}")


async def _kafka(address: str) -> Answer:
    """Sends the one request that every broker answers to anybody: ApiVersions, version 0."""
    host, _, port = address.rpartition(":")
    async with _connected(host, int(port)) as (reader, writer):
        client = b"tickproof"
        request = struct.pack(f">hhih{len(client)}s", _API_VERSIONS, 0, _CORRELATION, len(client), client)
        writer.write(struct.pack(">i", len(request)) + request)
        size, correlation, error = struct.unpack(">iih", await reader.readexactly(10))
        if correlation != _CORRELATION or size < 10:
            return Answer(False, "the answer is not Kafka's")
        return Answer(
            error == 0, "ApiVersions answered" if error == 0 else f"ApiVersions answered error {error}"
        )
