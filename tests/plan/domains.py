"""A domain and leases as plain values."""

from dataclasses import dataclass

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
