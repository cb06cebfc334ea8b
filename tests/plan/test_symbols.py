"""The venue's list is long, odd where real venues are odd, and true in itself."""

from decimal import Decimal

import pytest
from messages.approved import approve
from tickproof.exchange import symbols

LISTED = symbols.catalogue()


def test_about_two_hundred_of_every_length() -> None:
    assert 190 <= len(LISTED) <= 220
    assert {len(name) for name in LISTED} >= set(range(5, 15))
    assert {"ETHBTC", "BTCFDUSD", "1000SATSUSDT", "BNBEUR", "TUSDT", "TUSDUSDT"} <= set(LISTED)
    assert len({one.quote for one in LISTED.values()}) >= 15


@pytest.mark.parametrize("one", LISTED.values(), ids=LISTED)
def test_a_symbol_is_true_in_itself(one: symbols.Symbol) -> None:
    price = Decimal(one.price)
    assert one.name == one.base + one.quote
    assert one.name.isascii()
    assert one.name == one.name.upper()
    assert price > 0
    assert -int(price.as_tuple().exponent) == one.price_decimals <= 8
    assert 0 <= one.quantity_decimals <= 8


def test_an_unknown_symbol_is_told() -> None:
    with pytest.raises(ValueError, match="listed") as refused:
        symbols.get("BTCUSDX")
    approve("plan-unknown-symbol", str(refused.value))
