"""What a verdict says: frozen findings that name every anomaly and speak plain sentences."""

from dataclasses import dataclass
from enum import StrEnum

NAMED_A_LINE = 3
MOST_LINES = 8
SENT_ONLY = "sent"


class Void(AssertionError):  # noqa: N818 - it is a verdict, not an error of the program
    """A verdict that cannot be given. Red like a failure, but it blames nobody."""

    ROBOT_SUPPRESS_NAME = True  # Robot shows the message alone

    def __init__(self, reason: str) -> None:
        super().__init__(reason if reason.startswith("VOID: ") else f"VOID: {reason}")


class Guarantee(StrEnum):
    """What a hop promises about each trade."""

    AT_MOST_ONCE = "at-most-once"
    AT_LEAST_ONCE = "at-least-once"
    EXACTLY_ONCE = "exactly-once"

    @property
    def words(self) -> str:
        """Return the promise as it stands in a sentence: "at most once"."""
        return self.value.replace("-", " ")


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
        symbol: The trade's symbol, None where the row has none.
        trade_id: The trade's id; None where the row has none (phantom) or a whole symbol is meant (split).
        previous_id: The id sent before it for the same symbol, None at the start.
        next_id: The id sent after it for the same symbol, None at the end.
        last_seen_at: The last hop before this one that showed it, "sent" if none did; lost trades only.
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

    @property
    def name(self) -> str:
        """Return symbol and id."""
        return f"{self.symbol or '(no symbol)'} {'(no id)' if self.trade_id is None else self.trade_id}"

    def standing(self) -> str:
        """Tell which trade it is and between which it stands."""
        return f"{self.name} ({self._around()})"

    def sentence(self) -> str:
        """Tell the anomaly in one sentence without a full stop."""
        name, around = self.name, self._around()
        match self.kind:
            case Kind.LOST:
                return f"{name} ({around}; {self._last_seen()})"
            case Kind.DUPLICATED:
                return f"{name} seen {self.got} ({around})"
            case Kind.ALTERED:
                at = "" if self.where is None else f" ({self.where})"
                return f"{name} {self.field} should be {self.expected} but is {self.got}{at}"
            case Kind.PHANTOM:
                origin = "was never sent" if self.expected is None else f"should be {self.expected}"
                return f"{name} {origin} ({around}; {self.where or 'nowhere'})"
            case Kind.OUT_OF_ORDER:
                return f"{name} stands {self.got} ({self.where})"
            case Kind.SPLIT:
                return f"{self.symbol} stands in lanes {self.got}"

    def _around(self) -> str:
        if self.previous_id is None and self.next_id is None:
            return "no neighbours"
        if self.previous_id is None:
            return f"first, before {self.next_id}"
        if self.next_id is None:
            return f"last, after {self.previous_id}"
        return f"between {self.previous_id} and {self.next_id}"

    def _last_seen(self) -> str:
        seen = self.last_seen_at not in {None, SENT_ONLY}
        return f"last seen at {self.last_seen_at}" if seen else "not seen since it was sent"


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
        out_of_order: Neighbours in the sent order that stand the other way round; None: not judged.
        split: Symbols that stand in more than one lane; None: not judged.
        repaired: Rows that came by repair and not from the live stream.
        anomalies: The first anomalies of each kind by name; the counts above count all.
        void: Why no verdict can be given, or None.
        waited: Why the wait for it ended, how long and how often it was looked at; empty when all came.
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
    waited: str = ""

    @property
    def outcome(self) -> Outcome:
        """Return PASS, FAIL or VOID, judged by the guarantee."""
        if self.void is not None:
            return Outcome.VOID
        return Outcome.FAIL if self.broken else Outcome.PASS

    @property
    def ok(self) -> bool:
        """Tell whether the hop kept its guarantee."""
        return self.outcome is Outcome.PASS

    @property
    def broken(self) -> tuple[Kind, ...]:
        """Return the kinds of anomaly that occur and that the guarantee does not excuse."""
        return tuple(kind for kind in Kind if self.count(kind) and kind not in EXCUSED[self.guarantee])

    def count(self, kind: Kind) -> int:
        """Return how many anomalies of a kind there are, named or not."""
        return {
            Kind.LOST: self.lost,
            Kind.DUPLICATED: self.duplicated,
            Kind.ALTERED: self.altered,
            Kind.PHANTOM: self.phantom,
            Kind.OUT_OF_ORDER: self.out_of_order or 0,
            Kind.SPLIT: self.split or 0,
        }[kind]

    def sentences(self) -> str:
        """Return the text of the verdict: at most 8 lines, the first says what should be true."""
        if self.void is not None:
            return f"VOID: {self.void}, so nothing can be said of {self.hop}."
        if self.ok:
            return f"{self.hop} shows {self._promise()}.{self._excused()}"
        lines = [f"{self.hop} should show {self._promise()}, but {self._wrong()}."]
        lines += [self._line(kind) for kind in self.broken]
        excused = self._excused().strip()
        lines += [excused] if excused else []
        return "\n".join(lines + self._how_it_was_waited_for(MOST_LINES - len(lines)))

    def fail_if_any(self) -> None:
        """Raise what the verdict means.

        Raises:
            AssertionError: The hop broke its guarantee.
            Void: No verdict can be given.
        """
        if self.outcome is Outcome.VOID:
            raise Void(self.sentences())
        if self.outcome is Outcome.FAIL:
            raise AssertionError(self.sentences())

    def _how_it_was_waited_for(self, room: int) -> list[str]:
        """Tell why the wait for a lost trade ended, in so many lines."""
        lines = self.waited.splitlines() if Kind.LOST in self.broken else []
        if len(lines) <= room:
            return lines
        return [*lines[: room - 1], " ".join(lines[room - 1 :])] if room else []

    def _promise(self) -> str:
        more = ["unaltered"]
        if self.out_of_order is not None:
            more.append("in order")
        if self.split is not None:
            more.append("each symbol in one lane")
        trades = "the one trade" if self.sent == 1 else f"each of {self.sent:,} trades"
        return f"{trades} {self.guarantee.words}, {and_list(more)}"

    def _wrong(self) -> str:
        words = {
            Kind.LOST: ("is lost", "are lost"),
            Kind.DUPLICATED: ("row is a duplicate", "rows are duplicates"),
            Kind.ALTERED: ("row is altered", "rows are altered"),
            Kind.PHANTOM: ("row should not be there", "rows should not be there"),
            Kind.OUT_OF_ORDER: ("pair is out of order", "pairs are out of order"),
            Kind.SPLIT: ("symbol is split", "symbols are split"),
        }
        return and_list(
            [f"{self.count(kind):,} {words[kind][self.count(kind) != 1]}" for kind in self.broken]
        )

    def _line(self, kind: Kind) -> str:
        sentences = [one.sentence() for one in self.anomalies if one.kind is kind]
        return named_line(kind.value.capitalize(), sentences, self.count(kind))

    def _excused(self) -> str:
        counts = [(self.count(kind), kind) for kind in Kind if kind in EXCUSED[self.guarantee]]
        told = [f"{count:,} {kind.value}" for count, kind in counts if count]
        return f" {and_list(told).capitalize()}: allowed by {self.guarantee.value}." if told else ""


def named_line(title: str, sentences: list[str], count: int) -> str:
    """Name the first few of so many anomalies in one line."""
    told = sentences[:NAMED_A_LINE]
    some = f", the first {len(told)}" if max(len(sentences), count) > NAMED_A_LINE else ""
    return f"{title}{some}: {'; '.join(told)}."


def and_list(words: list[str]) -> str:
    """Join words as a sentence does: "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
