"""The process: how it starts, what it says, how it ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests
from api_support import KEY, NOON, Lake, trade
from common.waits import PATIENCE

from tickerplant.api.settings import read_settings
from tickerplant.service import Environment, SettingsError


@contextmanager
def started(lake: Lake, **environment: str) -> Iterator[subprocess.Popen[str]]:
    usual = {
        "CATALOG_URI": lake.uri,
        "WAREHOUSE": lake.warehouse,
        "API_KEYS": "analyst:sesame:600",
        "HTTP_PORT": "0",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tickerplant.api"],
        env={**os.environ, **usual, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def line(process: subprocess.Popen[str]) -> dict[str, object]:
    assert process.stdout is not None
    found: dict[str, object] = json.loads(process.stdout.readline())
    return found


def test_it_serves_until_it_is_told_to_end(lake: Lake) -> None:
    lake.append(trade("AAA", 1, NOON))
    with started(lake) as process:
        said = line(process)
        assert (said["event"], said["service"], said["level"]) == ("listening", "api", "info")
        address = f"http://127.0.0.1:{said['port']}"
        with requests.Session() as client:
            assert client.get(f"{address}/health/ready", timeout=PATIENCE).status_code == 200
            answer = client.get(f"{address}/v1/trades", headers=KEY, timeout=PATIENCE)
            assert len(answer.json()["data"]) == 1
            assert client.head(f"{address}/v1/trades", headers=KEY, timeout=PATIENCE).status_code == 200
            large = client.post(f"{address}/v1/trades", headers=KEY, data=b"x" * 100_000, timeout=PATIENCE)
            assert large.status_code == 413
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        assert process.stdout is not None
        lines = [json.loads(text) for text in process.stdout]
        assert lines[-1]["event"] == "stopped"
        assert {text["event"] for text in lines} == {"request", "stopped"}


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"API_KEYS": "analyst:sesame"}, "API_KEYS entry 1 must be name:key:per_minute"),
        ({"CATALOG_URI": ""}, "CATALOG_URI is not set"),
        ({"API_CACHE_MB": "0"}, "API_CACHE_MB is '0', but must be a whole number from 1"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_sentence(environment: dict[str, str], says: str) -> None:
    usual = {"CATALOG_URI": "sqlite://", "WAREHOUSE": "/lake"}
    with pytest.raises(SettingsError, match="^" + re.escape(says)):
        read_settings(Environment({**usual, **environment}))


def test_settings_do_not_show_keys() -> None:
    settings = read_settings(Environment({"CATALOG_URI": "x", "WAREHOUSE": "y", "API_KEYS": "a:sesame:5"}))
    assert "sesame" not in repr(settings)


def test_a_port_in_use_is_named(lake: Lake) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with started(lake, HTTP_PORT=str(port)) as process:
            said = line(process)
            assert (
                said["reason"]
                == f"HTTP_PORT {port} on 127.0.0.1 cannot be listened on: Address already in use."
            )
            assert process.wait(PATIENCE) == 2
