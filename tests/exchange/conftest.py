"""One simulated exchange for all tests of the folder; each test leases symbols of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from common.domain import Domain
from common.waits import PATIENCE, until
from tickproof.exchange.actions import Action
from tickproof.exchange.client import ExchangeClient, LeasedSymbol, Play
from tickproof.exchange.plan import Plan, draw

SOON = timedelta(seconds=PATIENCE)


class Exchange:
    """A running exchange process and its addresses."""

    def __init__(self, folder: Path, *arguments: str, stdin: int | None = None) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tickproof.exchange", "--state", str(folder), *arguments],
            stdin=stdin,
            stderr=subprocess.PIPE,
        )
        self.addresses = self._addresses()
        self.ws: str = self.addresses["ws_url"]
        self.wss: str = self.addresses["wss_url"]
        self.rest: str = self.addresses["rest_url"]
        self.ca: str = self.addresses["ca_file"]
        self.client = ExchangeClient(self.addresses["control_url"])

    def _addresses(self) -> dict[str, Any]:
        file = self.folder / "exchange.json"

        def ready() -> bool:
            assert self.process.poll() is None, self.process.stderr.read()
            return file.exists() and json.loads(file.read_text())["pid"] == self.process.pid

        until(ready)
        return json.loads(file.read_text())

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.let_go()
        return code

    def let_go(self) -> None:
        """Close what a test holds of an exchange that ended; else the collector finds open sockets later."""
        self.process.stderr.close()
        self.client._session.close()


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    # All tests ask from one address, in one minute more than the venue would answer.
    running = Exchange(tmp_path_factory.mktemp("exchange"), "--weight-limit", "60000")
    yield running
    assert running.stop() == 0


@dataclass(frozen=True)
class Market:
    """Symbols of one test, and the plans it draws for them."""

    exchange: Exchange
    lease: tuple[LeasedSymbol, ...]

    @property
    def symbols(self) -> list[str]:
        return [one.symbol for one in self.lease]

    @property
    def streams(self) -> list[str]:
        return [f"{name.lower()}@trade" for name in self.symbols]

    @property
    def combined_url(self) -> str:
        return f"{self.exchange.ws}/stream?streams={'/'.join(self.streams)}"

    def plan(
        self,
        trades: int,
        per_second: float | None = 2000,
        actions: Sequence[Action] = (),
        *,
        sentinels: bool = False,
        seed: int = 7,
    ) -> Plan:
        counters = self.exchange.client.state()["counters"]
        lease = [LeasedSymbol(name, counters[name]) for name in self.symbols]
        return draw(
            Domain(),
            lease,
            trades=trades,
            per_second=per_second,
            seed=seed,
            sentinels=sentinels,
            actions=actions,
        )

    def play(
        self, trades: int, per_second: float | None = 2000, actions: Sequence[Action] = (), **more: Any
    ) -> Play:
        return self.exchange.client.play(self.plan(trades, per_second, actions, **more))

    def sent(self, *args: Any, **more: Any) -> pa.Table:
        """Play to the end and return the ledger."""
        play = self.play(*args, **more)
        play.wait(SOON)
        return play.ledger()


@pytest.fixture
def lease(exchange: Exchange) -> Iterator[Callable[[int], Market]]:
    leases = []

    def take(count: int) -> Market:
        lease = exchange.client.lease(count)
        leases.append(lease)
        return Market(exchange, lease.symbols)

    yield take
    for one in leases:
        exchange.client.release(one)


@pytest.fixture
def market(lease: Callable[[int], Market]) -> Market:
    return lease(2)


@pytest.fixture
def own_exchange(tmp_path: Path) -> Iterator[Callable[..., Exchange]]:
    """Exchanges for tests that stop them or change how they behave."""
    running: list[Exchange] = []

    def start(*arguments: str, folder: Path = tmp_path / "own", **more: Any) -> Exchange:
        running.append(Exchange(folder, *arguments, **more))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.stop(signal.SIGKILL)
        else:
            one.let_go()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
