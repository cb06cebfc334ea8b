"""Conservation: everything that was sent is either stored or quarantined, and nothing is both or neither."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tickproof.ledger.rows import AnyRows, batches_of
from tickproof.ledger.schemas import QUARANTINED
from tickproof.verdicts.findings import Outcome, Void
from tickproof.verdicts.reference import seen_batches, sent_reference
from tickproof.verdicts.tally import Tally

REASONS_TOLD = 5


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How often garbage of one kind was sent and how often it was quarantined under that reason."""

    reason: str
    sent: int
    quarantined: int

    @property
    def ok(self) -> bool:
        """Tell whether the two are equal."""
        return self.sent == self.quarantined


@dataclass(frozen=True, slots=True)
class Account:
    """The balance of one play at a hop.

    Attributes:
        hop: The hop whose stored trades were counted.
        trades: Distinct trades that had to be stored.
        stored: How many of them the hop holds.
        strangers: Rows that the hop holds and that were not to be stored.
        garbage: Frames that had to be quarantined.
        quarantined: Letters in quarantine.
        reasons: The same two by reason.
        void: Why no verdict can be given, or None.
    """

    hop: str
    trades: int
    stored: int
    strangers: int
    garbage: int
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
        if self.void is not None:
            return Outcome.VOID
        balanced = self.trades == self.stored and not self.strangers and all(one.ok for one in self.reasons)
        return Outcome.PASS if balanced else Outcome.FAIL

    @property
    def ok(self) -> bool:
        """Tell whether the books balance, in all and reason by reason."""
        return self.outcome is Outcome.PASS

    def sentences(self) -> str:
        """Return the text of the verdict: at most 8 lines, the first says what should be true."""
        if self.void is not None:
            return f"VOID: {self.void}, so there is nothing to balance at {self.hop}."
        if self.ok:
            return (
                f"{self.sent:,} sent = {self.trades:,} stored at {self.hop} + {self.garbage:,} quarantined."
            )
        books = f"{self.sent:,} sent = {self.trades:,} to be stored + {self.garbage:,} to be quarantined"
        there = f"{self.hop} holds {self.stored:,} of the trades and {self.quarantined:,} are in quarantine"
        lines = [f"{books}, but {there}."]
        if self.strangers:
            rows = "row that was" if self.strangers == 1 else "rows that were"
            lines.append(f"{self.hop} also holds {self.strangers:,} {rows} not to be stored.")
        wrong = [one for one in self.reasons if not one.ok]
        lines += [
            f"{one.reason}: {one.sent:,} sent, {one.quarantined:,} quarantined."
            for one in wrong[:REASONS_TOLD]
        ]
        if len(wrong) > REASONS_TOLD:
            lines.append(f"And {len(wrong) - REASONS_TOLD:,} more reasons that do not balance.")
        return "\n".join(lines)

    def fail_if_any(self) -> None:
        """Raise what the verdict means.

        Raises:
            AssertionError: The books do not balance.
            Void: Nothing was sent.
        """
        if self.outcome is Outcome.VOID:
            raise Void(self.sentences())
        if self.outcome is Outcome.FAIL:
            raise AssertionError(self.sentences())


def account(sent: AnyRows, *, hop: str, stored: AnyRows, quarantined: Iterable[str]) -> Account:
    """Balance what was sent against what is stored and what is quarantined.

    Args:
        sent: Rows of `ledger.schemas.SENT`, to be read twice; garbage rows carry their kind, which is the
            reason expected, and the number of times they were put on the wire.
        hop: Name of the hop that stores.
        stored: Rows of `ledger.schemas.SEEN` of that hop.
        quarantined: The reason of each dead letter of this play.

    Raises:
        ValueError: The rows are no ledger.
    """
    reference = sent_reference(sent, ())
    tally = Tally(reference, (), 0)
    for batch in seen_batches(stored, ("symbol", "trade_id"), what=hop):
        tally.add(reference.locate(batch))
    garbage = _garbage(sent)
    letters = Counter(quarantined)
    trades = len(reference.keys)
    return Account(
        hop=hop,
        trades=trades,
        stored=trades - len(tally.lost),
        strangers=tally.phantom,
        garbage=garbage.total(),
        quarantined=letters.total(),
        reasons=tuple(
            ReasonCount(reason, garbage[reason], letters[reason])
            for reason in sorted(garbage.keys() | letters)
        ),
        void=None if trades or garbage else "nothing was sent",
    )


def _garbage(sent: AnyRows) -> Counter[str]:
    """Count frames of garbage by their kind."""
    frames: Counter[str] = Counter()
    for batch in batches_of(sent, ("expect", "kind", "copies")):
        some = pa.Table.from_batches([batch.filter(pc.equal(batch.column("expect"), QUARANTINED))])
        for kind, copies in zip(some["kind"].to_pylist(), some["copies"].to_pylist(), strict=True):
            frames[kind] += copies
    return frames
