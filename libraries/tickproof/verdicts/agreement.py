"""Judge two hops against each other, without the ledger of what was sent."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tickproof.ledger.rows import AnyRows
from tickproof.verdicts.findings import Anomaly, Kind, Outcome, Void, and_list, named_line
from tickproof.verdicts.judge import CONTENT, TimeUnit, fairly
from tickproof.verdicts.reference import Maker, Reference, seen_batches, seen_reference
from tickproof.verdicts.tally import Tally


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two hops tell the same story. Each trade counts once, however often a hop shows it, but for `uneven`.

    Attributes:
        left: Name of the first hop.
        right: Name of the second hop.
        trades_left: Distinct trades of the first hop.
        trades_right: Distinct trades of the second hop.
        only_left: Trades that only the first hop shows.
        only_right: Trades that only the second hop shows; rows without symbol or id count one by one.
        different: Trades that both show with different values, or that one shows with two values.
        anomalies: The first anomalies by name; lost: only left; phantom: only right; altered: different; duplicated:
            uneven.
        uneven: Trades that both show, but not equally often; None: not judged.
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
    uneven: int | None = None
    void: str | None = None

    @property
    def outcome(self) -> Outcome:
        """Return PASS, FAIL or VOID."""
        if self.void is not None:
            return Outcome.VOID
        wrong = self.only_left or self.only_right or self.different or self.uneven
        return Outcome.FAIL if wrong else Outcome.PASS

    @property
    def ok(self) -> bool:
        """Tell whether the hops agree."""
        return self.outcome is Outcome.PASS

    def sentences(self) -> str:
        """Return the text of the verdict: at most 8 lines, the first says what should be true."""
        if self.void is not None:
            return f"VOID: {self.void}, so {self.left} and {self.right} cannot be compared."
        if self.ok:
            often = "" if self.uneven is None else ", each equally often"
            return f"{self.left} and {self.right} show the same {self.trades_left:,} trades{often}."
        wrong = [
            f"{count:,} {'stands' if count == 1 else 'stand'} only in {hop}"
            for count, hop in ((self.only_left, self.left), (self.only_right, self.right))
            if count
        ]
        if self.different:
            wrong.append(f"{self.different:,} {'differs' if self.different == 1 else 'differ'}")
        if self.uneven:
            wrong.append(f"{self.uneven:,} {'is' if self.uneven == 1 else 'are'} not shown equally often")
        lines = [
            f"{self.left} and {self.right} should show the same trades, but {and_list(wrong)}.",
            f"{self.left} shows {self.trades_left:,} trades, {self.right} {self.trades_right:,}.",
        ]
        for title, kind, count in (
            (f"Only in {self.left}", Kind.LOST, self.only_left),
            (f"Only in {self.right}", Kind.PHANTOM, self.only_right),
            ("Different", Kind.ALTERED, self.different),
            ("Not equally often", Kind.DUPLICATED, self.uneven),
        ):
            named = [anomaly for anomaly in self.anomalies if anomaly.kind is kind]
            whole = kind in {Kind.ALTERED, Kind.DUPLICATED}
            told = [one.sentence() if whole else one.standing() for one in named]
            if count:
                lines.append(named_line(title, list(dict.fromkeys(told)), count))
        return "\n".join(lines)

    def fail_if_any(self) -> None:
        """Raise what the verdict means.

        Raises:
            AssertionError: The hops differ.
            Void: Neither hop shows a trade.
        """
        if self.outcome is Outcome.VOID:
            raise Void(self.sentences())
        if self.outcome is Outcome.FAIL:
            raise AssertionError(self.sentences())


def agree(
    left: AnyRows,
    right: AnyRows,
    *,
    left_hop: str,
    right_hop: str,
    fields: Sequence[str] = CONTENT,
    event_time_unit: TimeUnit = "ns",
    rows_too: bool = False,
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
        rows_too: Demand that both show each trade equally often: they promise exactly once.
        max_named: How many anomalies are named at most; all are counted.

    Raises:
        ValueError: A column is missing or of another type than `SEEN` says.
    """
    reference = seen_reference(left, fields, what=left_hop, cut=event_time_unit)
    tally = Tally(reference, fields, max_named)
    strangers = Maker(())
    nameless = 0
    for batch in seen_batches(right, ("symbol", "trade_id", *fields, "lane", "offset"), what=right_hop):
        located = reference.locate(batch)
        tally.add(located)
        if located.known is not None:
            nameless += strangers.add_named(located.only(~located.known).batch)
    only_left = tally.lost
    different = np.unique(np.concatenate([reference.conflicts, *tally.altered_positions]))
    both = len(reference.keys) - len(only_left)
    of_left = _counts(reference, left, left_hop) if rows_too else tally.counts
    uneven = np.flatnonzero((of_left != tally.counts) & (tally.counts > 0))
    named = [
        [_name(reference, Kind.LOST, int(position)) for position in only_left[:max_named]],
        [anomaly for anomaly in tally.named if anomaly.kind is Kind.PHANTOM],
        [
            *(anomaly for anomaly in tally.named if anomaly.kind is Kind.ALTERED),
            *(
                _name_conflict(reference, int(position), left_hop)
                for position in reference.conflicts[:max_named]
            ),
        ],
        [
            replace(
                _name(reference, Kind.DUPLICATED, int(position)),
                got=f"{_times(of_left[position])} at {left_hop} and {_times(tally.counts[position])} at {right_hop}",
            )
            for position in uneven[:max_named]
        ],
    ]
    only_right = len(strangers.done().keys) + nameless
    return Agreement(
        left=left_hop,
        right=right_hop,
        trades_left=len(reference.keys),
        trades_right=both + only_right,
        only_left=len(only_left),
        only_right=only_right,
        different=len(different),
        anomalies=fairly(named, max_named),
        uneven=len(uneven) if rows_too else None,
        void="no trade was seen at either hop" if not len(reference.keys) and not only_right else None,
    )


def _counts(reference: Reference, rows: AnyRows, hop: str) -> npt.NDArray[np.uint32]:
    """Count how often each trade of the reference stands among rows."""
    tally = Tally(reference, (), 0)
    for batch in seen_batches(rows, ("symbol", "trade_id"), what=hop):
        tally.add(reference.locate(batch))
    return tally.counts


def _times(count: np.uint32) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _name(reference: Reference, kind: Kind, position: int) -> Anomaly:
    return Anomaly(kind, *reference.key(position), *reference.keys.neighbours(position))


def _name_conflict(reference: Reference, position: int, hop: str) -> Anomaly:
    plain = _name(reference, Kind.ALTERED, position)
    return replace(plain, field="content", expected="one", got=f"two at {hop}")
