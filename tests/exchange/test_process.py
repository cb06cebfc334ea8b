"""The process: how it begins, what it weighs, and how it ends."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import requests
from common.waits import PATIENCE
from exchange.conftest import SOON, Exchange, Market
from websockets.exceptions import ConnectionClosedOK
from websockets.sync.client import connect


def test_it_is_light(own_exchange: Callable[..., Exchange]) -> None:
    exchange = own_exchange()
    assert psutil.Process(exchange.process.pid).memory_info().rss < 90 * 1024 * 1024


def test_a_second_start_keeps_the_authority(own_exchange: Callable[..., Exchange]) -> None:
    first = own_exchange()
    authority = Path(first.ca).read_bytes()
    first.stop()
    second = own_exchange()
    assert Path(second.ca).read_bytes() == authority


def test_sigterm_ends_it_and_says_goodbye(own_exchange: Callable[..., Exchange]) -> None:
    exchange = own_exchange()
    with connect(f"{exchange.ws}/ws") as ws:
        exchange.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosedOK):
            ws.recv(timeout=PATIENCE)
    assert exchange.process.wait(PATIENCE) == 0


def test_sigterm_in_the_middle_of_a_play(own_exchange: Callable[..., Exchange]) -> None:
    exchange = own_exchange()
    market = Market(exchange, exchange.client.lease(1).symbols)
    with connect(market.combined_url) as ws:
        exchange.client.wait_subscribed(market.symbols, SOON)
        market.play(5000, per_second=500)
        ws.recv(timeout=PATIENCE)
        assert exchange.stop() == 0


def test_it_ends_with_its_standard_input(own_exchange: Callable[..., Exchange]) -> None:
    exchange = own_exchange("--watch-stdin", stdin=subprocess.PIPE)
    exchange.process.stdin.close()
    assert exchange.process.wait(PATIENCE) == 0


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = subprocess.run(
            [sys.executable, "-m", "tickproof.exchange", "--state", str(tmp_path), "--port", str(port)],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    assert ran.returncode == 2
    assert ran.stderr == f"the simulated exchange cannot start: port {port} of 127.0.0.1 is in use.\n"


def test_a_state_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = subprocess.run(
        [sys.executable, "-m", "tickproof.exchange", "--state", str(tmp_path / "file" / "below")],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert ran.returncode == 2
    assert len(ran.stderr.splitlines()) == 1


def test_two_exchanges_do_not_share_a_folder(own_exchange: Callable[..., Exchange]) -> None:
    first = own_exchange()
    ran = subprocess.run(
        [sys.executable, "-m", "tickproof.exchange", "--state", str(first.folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert ran.returncode == 2
    assert ran.stderr == f"the simulated exchange cannot start: another exchange runs in {first.folder}.\n"
    assert first.client.state()


def test_addresses_are_there_as_long_as_it_runs(own_exchange: Callable[..., Exchange]) -> None:
    exchange = own_exchange()
    exchange.stop()
    assert not (exchange.folder / "exchange.json").exists()


def test_the_market_may_listen_elsewhere_but_control_stays_on_the_loopback(
    own_exchange: Callable[..., Exchange],
) -> None:
    exchange = own_exchange("--market-host", "127.0.0.2")
    assert exchange.ws.startswith("ws://127.0.0.2:")
    assert exchange.rest.startswith("http://127.0.0.2:")
    assert exchange.addresses["control_url"].startswith("http://127.0.0.1:")
    assert requests.get(f"{exchange.rest}/api/v3/time", timeout=PATIENCE).ok
