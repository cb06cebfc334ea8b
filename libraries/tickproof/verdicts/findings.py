"""What a verdict says: frozen findings that name every anomaly and speak plain sentences."""

from dataclasses import dataclass
from enum import StrEnum


class Void(AssertionError):  # noqa: N818 - it is a verdict, not an error of the program
    """A verdict that cannot be given. Red like a failure, but it blames nobody."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason if reason.startswith("VOID: ") else f"VOID: {reason}")


class Guarantee(StrEnum):
    """What a hop promises about each trade."""

    AT_MOST_ONCE = "at-most-once"
    AT_LEAST_ONCE = "at-least-once"
    EXACTLY_ONCE = "exactly-once"


class Outcome(StrEnum):
    """How a verdict ends."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    VOID = "VOID"


class Kind(StrEnum):
    """The ways in which a trade can be wrong."""

    LOST = "lost"
    DUPLICATED = "duplicated"
    ALTERED = "altered"
    PHANTOM = "phantom"
    OUT_OF_ORDER = "out of order"
    SPLIT = "split"  # one symbol in more than one lane


EXCUSED = {
    Guarantee.AT_MOST_ONCE: frozenset({Kind.LOST}),
    Guarantee.AT_LEAST_ONCE: frozenset({Kind.DUPLICATED}),
    Guarantee.EXACTLY_ONCE: frozenset[Kind](),
}


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One trade that is wrong at a hop, with what stood around it.

    Attributes:
        kind: What is wrong.
        symbol: The trade's symbol.
        trade_id: The trade's id; None where the row has none (phantom) or a whole symbol is meant (split).
        previous_id: The id sent before it for the same symbol, None at the start.
        next_id: The id sent after it for the same symbol, None at the end.
        last_seen_at: The last hop before this one that showed it ("sent" if none did); lost trades only.
        field: The field that differs (altered), or what `expected` and `got` are about.
        expected: What should have been there.
        got: What was there.
        where: Where at the hop it was met: "lane 3, offset 17".
    """

    kind: Kind
    symbol: str | None
    trade_id: int | None
    previous_id: int | None = None
    next_id: int | None = None
    last_seen_at: str | None = None
    field: str | None = None
    expected: str | None = None
    got: str | None = None
    where: str | None = None

    def sentence(self) -> str:
        """Tell the anomaly in one sentence without a full stop."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class HopVerdict:
    """What one hop did with what was sent.

    Always `seen == sent - lost + duplicated + phantom`.

    Attributes:
        hop: The hop's name.
        guarantee: What the hop promises.
        sent: Distinct trades that had to reach the hop.
        seen: Rows that the hop showed.
        lost: Trades sent and never seen.
        duplicated: Rows beyond the first of the same trade.
        altered: Rows that differ from what was sent in at least one field.
        phantom: Rows that nobody sent, or that must not be there.
        out_of_order: Neighbours in the sent order that stand the other way round in their lane; None: not judged.
        split: Symbols that stand in more than one lane; None: not judged.
        repaired: Rows that came by repair and not from the live stream.
        anomalies: The first anomalies of each kind by name; the counts above count all.
        void: Why no verdict can be given, or None.
    """

    hop: str
    guarantee: Guarantee
    sent: int
    seen: int
    lost: int
    duplicated: int
    altered: int
    phantom: int
    out_of_order: int | None = None
    split: int | None = None
    repaired: int = 0
    anomalies: tuple[Anomaly, ...] = ()
    void: str | None = None

    @property
    def outcome(self) -> Outcome:
        """Return PASS, FAIL or VOID, judged by the guarantee."""
        raise NotImplementedError

    @property
    def ok(self) -> bool:
        """Tell whether the hop kept its guarantee."""
        return self.outcome is Outcome.PASS

    def count(self, kind: Kind) -> int:
        """Return how many anomalies of a kind there are, named or not."""
        raise NotImplementedError

    def sentences(self) -> str:
        """Return the text of the verdict: at most 8 lines, the first says what should be true."""
        raise NotImplementedError

    def fail_if_any(self) -> None:
        """Raise what the verdict means.

        Raises:
            AssertionError: The hop broke its guarantee.
            Void: No verdict can be given.
        """
        raise NotImplementedError
