"""Conservation: everything that was sent is either stored or quarantined, and nothing is both or neither."""

from collections.abc import Iterable
from dataclasses import dataclass

from tickproof.ledger.rows import AnyRows
from tickproof.verdicts.findings import Outcome


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How often garbage of one kind was sent and how often it was quarantined under that reason."""

    reason: str
    sent: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class Account:
    """The balance of one play at a hop.

    Attributes:
        hop: The hop whose stored trades were counted.
        trades: Distinct trades that had to be stored.
        garbage: Frames that had to be quarantined.
        stored: Distinct trades that the hop holds.
        quarantined: Letters in quarantine.
        reasons: The same by kind of garbage.
        void: Why no verdict can be given, or None.
    """

    hop: str
    trades: int
    garbage: int
    stored: int
    quarantined: int
    reasons: tuple[ReasonCount, ...]
    void: str | None = None

    @property
    def sent(self) -> int:
        """Return trades and garbage together."""
        return self.trades + self.garbage

    @property
    def outcome(self) -> Outcome:
        """Return PASS, FAIL or VOID."""
        raise NotImplementedError

    @property
    def ok(self) -> bool:
        """Tell whether the books balance, in all and reason by reason."""
        return self.outcome is Outcome.PASS

    def sentences(self) -> str:
        """Return the text of the verdict: at most 8 lines."""
        raise NotImplementedError

    def fail_if_any(self) -> None:
        """Raise AssertionError if the books do not balance, Void if nothing was sent."""
        raise NotImplementedError


def account(sent: AnyRows, *, hop: str, stored: AnyRows, quarantined: Iterable[str]) -> Account:
    """Balance what was sent against what is stored and what is quarantined.

    Args:
        sent: Rows of `ledger.schemas.SENT`; garbage rows carry their kind, which is also the reason expected.
        hop: Name of the hop that stores.
        stored: Rows of `ledger.schemas.SEEN` of that hop.
        quarantined: The reason of each dead letter of this play.
    """
    raise NotImplementedError
