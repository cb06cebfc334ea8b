"""A domain and leases as plain values."""

from dataclasses import dataclass

from common import domain
from tickproof.exchange.client import LeasedSymbol


@dataclass(frozen=True)
class Domain(domain.Domain):
    max_per_second: int = 50_000


def leased(*names: str, next_id: int = 1) -> list[LeasedSymbol]:
    return [LeasedSymbol(name, next_id + 1000 * n) for n, name in enumerate(names)]
