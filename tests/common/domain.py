"""What a target can take, for tests that draw plans."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Domain:
    price_scale: int = 18
    quantity_scale: int = 18
    integer_digits: int = 18
    max_per_second: int = 1_000_000
    event_time_unit: str = "us"
