"""The venue's symbols: about 200 spot pairs with their base, quote and decimals."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Symbol:
    """One spot pair as the venue lists it.

    Attributes:
        name: as the exchange writes it, e.g. `1000SATSUSDT`.
        base: the asset that is traded.
        quote: the asset in which the price is told.
        price_decimals: digits behind the point of the price step.
        quantity_decimals: digits behind the point of the size step.
        price: a typical price, as text, where random walks begin.
    """

    name: str
    base: str
    quote: str
    price_decimals: int
    quantity_decimals: int
    price: str


@cache
def catalogue() -> Mapping[str, Symbol]:
    """Return all symbols by name, in the venue's order."""
    text = resources.files(__package__).joinpath("symbols.csv").read_text(encoding="ascii")
    rows = csv.DictReader(text.splitlines())
    return MappingProxyType(
        {
            row["symbol"]: Symbol(
                name=row["symbol"],
                base=row["base"],
                quote=row["quote"],
                price_decimals=int(row["price_decimals"]),
                quantity_decimals=int(row["quantity_decimals"]),
                price=row["price"],
            )
            for row in rows
        }
    )


def get(name: str) -> Symbol:
    """Return the symbol of this name.

    Raises:
        ValueError: if the venue does not list it.
    """
    try:
        return catalogue()[name]
    except KeyError:
        raise ValueError(f"symbol {name} is not listed on the simulated exchange.") from None
