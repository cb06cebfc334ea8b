"""A domain and leases as plain values."""

from dataclasses import dataclass

import pytest
from tickproof.exchange import symbols
from tickproof.exchange.client import LeasedSymbol


@dataclass(frozen=True)
class Domain:
    price_scale: int = 18
    quantity_scale: int = 18
    integer_digits: int = 18
    max_per_second: int = 50_000
    event_time_unit: str = "us"


def leased(*names: str, next_id: int = 1) -> list[LeasedSymbol]:
    return [LeasedSymbol(name, next_id + 1000 * n) for n, name in enumerate(names)]


@pytest.fixture
def twenty() -> list[LeasedSymbol]:
    return leased(*list(symbols.catalogue())[:20], next_id=17)
