"""A plan: which trades are sent, and when. Same seed, same bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import pyarrow as pa

from tickproof.exchange.actions import Action

SCHEMA = pa.schema(
    [
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("trade_id", pa.int64(), nullable=False),
        pa.field("price_text", pa.string(), nullable=False),
        pa.field("quantity_text", pa.string(), nullable=False),
        pa.field("event_time_ns", pa.int64(), nullable=False),
        pa.field("venue_time_ns", pa.int64(), nullable=False),
        pa.field("buyer_is_maker", pa.bool_(), nullable=False),
        pa.field("send_offset_ns", pa.int64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
    ]
)
"""One row a frame, in the order of sending. `kind` is "trade" or "sentinel"; garbage comes by actions."""


class Values(StrEnum):
    """Which numbers a plan draws."""

    USUAL = "usual"
    EDGE = "edge"


class Domain(Protocol):
    """What a target can take: the part of its profile that a plan must respect."""

    @property
    def price_scale(self) -> int:
        """Digits behind the point that a price may have."""

    @property
    def quantity_scale(self) -> int:
        """Digits behind the point that a size may have."""

    @property
    def integer_digits(self) -> int:
        """Digits before the point that a price or size may have."""

    @property
    def max_per_second(self) -> int:
        """Trades a second that the target takes."""

    @property
    def event_time_unit(self) -> str:
        """The unit of its event times, "ms" or "us"."""


class Leased(Protocol):
    """A symbol that this test owns, and the id that its next trade must have."""

    @property
    def symbol(self) -> str:
        """The symbol's name."""

    @property
    def next_id(self) -> int:
        """The id of its next trade."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Trades to be sent (schema `SCHEMA`), the seed they came from, and what goes wrong on the way."""

    table: pa.Table
    seed: int
    actions: tuple[Action, ...] = ()


def draw(
    domain: Domain,
    leases: Sequence[Leased],
    *,
    trades: int,
    per_second: float | None,
    seed: int,
    begins_ns: int,
    values: Values = Values.USUAL,
    late_share: float = 0.0,
    time_unit: str | None = None,
    sentinels: bool = True,
    weights: Mapping[str, float] | None = None,
    actions: Sequence[Action] = (),
) -> Plan:
    """Draw a plan."""
    raise NotImplementedError
