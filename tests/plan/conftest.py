"""Leases that most plans are drawn over."""

import pytest
from plan.domains import leased
from tickproof.exchange import symbols
from tickproof.exchange.client import LeasedSymbol


@pytest.fixture
def twenty() -> list[LeasedSymbol]:
    return leased(*list(symbols.catalogue())[:20], next_id=17)
