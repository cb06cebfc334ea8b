"""Judge two hops against each other, without the ledger of what was sent."""

from collections.abc import Sequence
from dataclasses import dataclass

from tickproof.ledger.rows import AnyRows
from tickproof.verdicts.findings import Anomaly, Outcome
from tickproof.verdicts.judge import CONTENT, TimeUnit


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two hops tell the same story. Each trade counts once, however often a hop shows it.

    Attributes:
        left: Name of the first hop.
        right: Name of the second hop.
        trades_left: Distinct trades of the first hop.
        trades_right: Distinct trades of the second hop.
        only_left: Trades that only the first hop shows.
        only_right: Trades that only the second hop shows.
        different: Trades that both show with different values (or one shows with two values).
        anomalies: The first anomalies by name: lost is only left, phantom is only right, altered is different.
        void: Why no verdict can be given, or None.
    """

    left: str
    right: str
    trades_left: int
    trades_right: int
    only_left: int
    only_right: int
    different: int
    anomalies: tuple[Anomaly, ...] = ()
    void: str | None = None

    @property
    def outcome(self) -> Outcome:
        """Return PASS, FAIL or VOID."""
        raise NotImplementedError

    @property
    def ok(self) -> bool:
        """Tell whether the hops agree."""
        return self.outcome is Outcome.PASS

    def sentences(self) -> str:
        """Return the text of the verdict: at most 8 lines."""
        raise NotImplementedError

    def fail_if_any(self) -> None:
        """Raise AssertionError if the hops differ, Void if there is nothing to compare."""
        raise NotImplementedError


def agree(
    left: AnyRows,
    right: AnyRows,
    *,
    left_hop: str,
    right_hop: str,
    fields: Sequence[str] = CONTENT,
    event_time_unit: TimeUnit = "ns",
    max_named: int = 50,
) -> Agreement:
    """Compare what two hops show, trade by trade and field by field.

    Args:
        left: Rows of `ledger.schemas.SEEN` of the first hop.
        right: The same of the second hop.
        left_hop: Its name.
        right_hop: Its name.
        fields: Fields that must be equal.
        event_time_unit: The coarser unit of the two: both times are cut to it before they are compared.
        max_named: How many anomalies are named at most; all are counted.
    """
    raise NotImplementedError
