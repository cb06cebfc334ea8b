"""What can be wrong with a frame, and what a good platform does about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tickproof.exchange.actions import Action
from tickproof.exchange.frames import TimeUnit, TradeRow


class Treatment(StrEnum):
    """What a good platform does."""

    QUARANTINE = "quarantine"
    ACCEPT = "accept"
    RECONNECT = "reconnect"


@dataclass(frozen=True, slots=True)
class Kind:
    """One way in which a frame can be wrong.

    Attributes:
        name: also the reason code in the dead letter's header.
        treatment: what a good platform does.
        binary: whether it travels as a binary frame.
        looks: how the frame looks, in a few words.
        because: why the treatment is right, in a few words.
    """

    name: str
    treatment: Treatment
    looks: str
    because: str
    binary: bool = False


KINDS: Mapping[str, Kind] = {}


def payload(kind: str, row: TradeRow, *, combined: bool, unit: TimeUnit = TimeUnit.MILLISECOND) -> bytes:
    """Return the payload of this kind made from a row (kinds to quarantine or accept only).

    Quarantine: goes ahead of the row's own frame. Accept: takes the place of the row's own frame.
    """
    raise NotImplementedError


def action(kind: str, at: int) -> Action:
    """Return the action that makes the exchange send this kind at row `at`."""
    raise NotImplementedError
