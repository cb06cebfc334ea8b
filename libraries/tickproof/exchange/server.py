"""The process: listens on its ports, passes connections on, and ends when it is told to."""

import asyncio
import contextlib
import fcntl
import gc
import json
import os
import random
import signal
import socket
import ssl
import sys
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tickproof.exchange.certificates import server_context
from tickproof.exchange.connection import Connection, Hub
from tickproof.exchange.control import Control
from tickproof.exchange.leases import write_whole
from tickproof.exchange.venue import Venue

HOST = "127.0.0.1"
ADDRESSES = "exchange.json"
TICK_S = 0.05
TICKS_A_REAP = 20
MAX_PLAN = 4 * 1024**3
MAX_REST_BODY = 64 * 1024
FAREWELL_S = 0.3
GIL_SWITCH_S = 0.0002
"""How long another thread may keep the pacing thread from running."""

NICE = -15
"""What the loop holds, the pacing thread may wait for: where the system permits it, it is not interrupted."""


class StartError(Exception):
    """The exchange cannot start; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where to listen; 0 stands for any that is free. The control port listens on the loopback only."""

    market: int = 0
    market_tls: int = 0
    control: int = 0
    market_host: str = HOST


class Door:
    """One listening port."""

    def __init__(
        self, port: int, hub: Hub, *, host: str = HOST, tls: ssl.SSLContext | None = None, max_body: int
    ) -> None:
        """Listen.

        Raises:
            StartError: The port is in use.
        """
        self._sock = listen(port, host)
        self._hub = hub
        self._tls = tls
        self._max_body = max_body
        self.port: int = self._sock.getsockname()[1]

    def open(self, loop: asyncio.AbstractEventLoop, numbers: "count[int]") -> None:
        """Take connections."""
        loop.add_reader(self._sock, self._accept, loop, numbers)

    def _accept(self, loop: asyncio.AbstractEventLoop, numbers: "count[int]") -> None:
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            sock, _ = self._sock.accept()
            Connection(next(numbers), sock, self._hub, loop, tls=self._tls, max_body=self._max_body).begin()


def listen(port: int, host: str = HOST) -> socket.socket:
    """Return a listening socket.

    A free port is taken below 32768, where no outgoing connection can be in its place.

    Raises:
        StartError: The port is in use, or none is free.
    """
    choices = [port] if port else random.sample(range(20_000, 32_000), 50)
    for choice in choices:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, choice))
            sock.listen(256)
        except OSError:
            sock.close()
            continue
        sock.setblocking(False)
        return sock
    raise StartError(f"port {port} of {host} is in use." if port else f"no free port was found on {host}.")


def run(folder: Path, ports: Ports, *, weight_limit: int, watch_stdin: bool) -> None:
    """Run the exchange until it is told to end.

    Raises:
        StartError: A port cannot be had, or the folder is another exchange's.
    """
    addresses = folder / ADDRESSES
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(f"another exchange runs in {folder}.") from None
        addresses.unlink(missing_ok=True)
        try:
            asyncio.run(serve(folder, ports, weight_limit=weight_limit, watch_stdin=watch_stdin))
        finally:
            addresses.unlink(missing_ok=True)


async def serve(folder: Path, ports: Ports, *, weight_limit: int, watch_stdin: bool) -> None:
    """Run the exchange until it is told to end.

    Args:
        folder: keeps its state; gets the file of addresses when all ports are open.
        ports: where to listen.
        weight_limit: request weight a minute that REST allows.
        watch_stdin: end when the standard input ends.

    Raises:
        StartError: A port cannot be had.
    """
    tls, authority = server_context(folder)
    venue = Venue(folder)
    venue.weight.allow(weight_limit)
    market = Door(ports.market, venue, host=ports.market_host, max_body=MAX_REST_BODY)
    secure = Door(ports.market_tls, venue, host=ports.market_host, tls=tls, max_body=MAX_REST_BODY)
    control = Door(ports.control, Control(venue), max_body=MAX_PLAN)
    loop, numbers, end = asyncio.get_running_loop(), count(1), asyncio.Event()
    for door in (market, secure, control):
        door.open(loop, numbers)
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, end.set)
    if watch_stdin:
        loop.add_reader(sys.stdin, lambda: end.set() if not os.read(sys.stdin.fileno(), 4096) else None)
    sys.setswitchinterval(GIL_SWITCH_S)
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    gc.collect()
    gc.freeze()
    addresses = {
        "pid": os.getpid(),
        "ws_url": f"ws://{ports.market_host}:{market.port}",
        "wss_url": f"wss://{ports.market_host}:{secure.port}",
        "rest_url": f"http://{ports.market_host}:{market.port}",
        "rest_tls_url": f"https://{ports.market_host}:{secure.port}",
        "control_url": f"http://{HOST}:{control.port}",
        "ca_file": str(authority.resolve()),
    }
    write_whole(folder / ADDRESSES, json.dumps(addresses, indent=2))
    await _tick_until(end, venue)
    venue.stop()
    await asyncio.sleep(FAREWELL_S)


async def _tick_until(end: asyncio.Event, venue: Venue) -> None:
    for number in count(1):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(end.wait(), TICK_S)
            return
        venue.tick()
        if number % TICKS_A_REAP == 0:
            venue.reap()
        if not venue.playing and not gc.isenabled():
            gc.enable()
