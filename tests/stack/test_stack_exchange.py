"""The simulated exchange as the companion of a stack."""

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from common.left import marked
from messages.approved import approve
from small_stacks import part
from tickproof.stack import Stack, StackInputError, planning
from tickproof.stack.spec import StackSpec

Compose = Callable[..., StackSpec]


def follower() -> dict[str, Any]:
    return part("feed", env={"URL": "${EXCHANGE_WS_URL}", "WORD": "${SYMBOLS}", "CA": "${EXCHANGE_CA_FILE}"})


def test_the_exchange_starts_first_and_its_addresses_are_known(
    up: Callable[..., Stack], compose: Compose
) -> None:
    services = {"feed": follower(), "other": part("other")}
    stack = up(compose(services, exchange=True, symbols=("ETHBTC", "BTCUSDT")))
    exchange, feed, other = stack.status()
    assert (exchange.name, exchange.companion, exchange.health) == ("exchange", True, "healthy")
    assert not feed.companion
    environment = psutil.Process(feed.pid).environ()
    assert environment["URL"].startswith("ws://127.0.0.1:")
    assert environment["WORD"] == "ETHBTC,BTCUSDT"
    assert stack.exchange_control_url
    with urllib.request.urlopen(stack.exchange_control_url + "/state", timeout=5) as answer:
        assert "connections" in json.load(answer)
    ports = [int(value) for name, value in stack.variables.items() if name.endswith("_PORT")]
    assert len(set(ports)) == 5
    assert max(ports) < 32768
    order = [(event.service, event.what) for event in stack.events()]
    assert order.index(("exchange", "healthy")) < order.index(("feed", "started"))
    assert order.index(("other", "started")) < order.index(("exchange", "healthy")), (
        "who does not ask need not wait"
    )
    assert other.is_well
    stack.down()
    assert marked(stack.folder) == []


def test_without_an_exchange_its_addresses_are_unknown(compose: Compose) -> None:
    with pytest.raises(StackInputError, match="EXCHANGE_CA_FILE"):
        planning.draft(compose({"feed": part("feed", env={"CA": "${EXCHANGE_CA_FILE}"})}))


@pytest.mark.parametrize(
    ("name", "services"),
    [
        ("stack-service-called-exchange", {"exchange": part("exchange")}),
        (
            "stack-prepare-names-exchange",
            {"feed": {"x-local": {"command": ["x"], "prepare": ["x", "${EXCHANGE_WS_URL}"]}}},
        ),
    ],
)
def test_what_cannot_be_with_an_exchange_is_refused(name: str, services: Any, compose: Compose) -> None:
    spec = compose(services, exchange=True)
    with pytest.raises(StackInputError) as error:
        planning.draft(spec)
    approve(name, str(error.value), hide={str(spec.compose.parent): "tickerplant"})
