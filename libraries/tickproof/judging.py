"""Judge saved ledgers again, with no stack: what `tickproof judge results/<run>` does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any

from tickproof.ledger import Ledger, load
from tickproof.ledger.store import META_FILE, SENT_FILE
from tickproof.verdicts import Guarantee, HopVerdict, judge

HEADINGS = (
    "ledger",
    "hop",
    "sent",
    "seen",
    "lost",
    "duplicated",
    "altered",
    "phantom",
    "out of order",
    "verdict",
)
NOT_JUDGED = "-"
HOW = {
    "guarantee": tuple(Guarantee),
    "order": (True, False),
    "lanes": (True, False),
    "fields": None,
    "event_time_unit": ("s", "ms", "us", "ns"),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts on one saved ledger."""

    folder: Path
    verdicts: tuple[HopVerdict, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The verdicts on all ledgers of a run.

    Attributes:
        path: The folder that was judged.
        judged: One entry a ledger.
    """

    path: Path
    judged: tuple[Judged, ...]

    @property
    def ok(self) -> bool:
        """Tell whether all of it is in order."""
        return all(verdict.ok for one in self.judged for verdict in one.verdicts)

    def text(self) -> str:
        """Return a table of all verdicts, and the sentences of those that are not in order."""
        rows = [
            (str(one.folder.relative_to(self.path)), *_cells(verdict))
            for one in self.judged
            for verdict in one.verdicts
        ]
        sentences = [
            f"\n{one.folder.relative_to(self.path)}:\n{indent(verdict.sentences(), '    ')}"
            for one in self.judged
            for verdict in one.verdicts
            if not verdict.ok
        ]
        return "\n".join([*_aligned(rows), *sentences])


def judge_folder(path: Path) -> Report:
    """Judge every ledger in a folder and below it, as their `meta.json` says.

    Raises:
        ValueError: There is no ledger, or one cannot be read; one sentence says which.
    """
    if not path.is_dir():
        raise ValueError(f"{path} is no folder")
    folders = sorted(file.parent for file in path.rglob(SENT_FILE))
    if not folders:
        raise ValueError(f"{path} holds no ledger: no {SENT_FILE} in it or below")
    return Report(path, tuple(Judged(folder, judge_ledger(load(folder))) for folder in folders))


def judge_ledger(ledger: Ledger) -> tuple[HopVerdict, ...]:
    """Judge every hop of one saved ledger.

    Raises:
        ValueError: `meta.json` does not say how to judge a hop, or says it in words that are unknown.
    """
    verdicts = []
    for hop, rows in ledger.seen.items():
        how = _how(ledger.folder / META_FILE, hop, ledger.meta["hops"][hop])
        before = list(ledger.seen)[: list(ledger.seen).index(hop)]
        earlier = {name: ledger.seen[name] for name in before}
        verdicts.append(judge(ledger.sent, rows, hop=hop, earlier=earlier, **how))
    return tuple(verdicts)


def _how(file: Path, hop: str, said: Mapping[str, Any]) -> dict[str, Any]:
    key = f"{file}: key `hops.{hop}"
    if "guarantee" not in said:
        raise ValueError(f"{key}.guarantee` is missing; allowed: {', '.join(Guarantee)}")
    for name, value in said.items():
        if name not in HOW:
            raise ValueError(f"{key}.{name}` is unknown; allowed: {', '.join(HOW)}")
        allowed = HOW[name]
        if allowed is not None and value not in allowed:
            raise ValueError(f"{key}.{name}` is {value}; allowed: {', '.join(map(str, allowed))}")
    return {**said, "guarantee": Guarantee(said["guarantee"])}


def _cells(verdict: HopVerdict) -> tuple[str, ...]:
    counts = (verdict.sent, verdict.seen, verdict.lost, verdict.duplicated, verdict.altered, verdict.phantom)
    order = NOT_JUDGED if verdict.out_of_order is None else f"{verdict.out_of_order:,}"
    return (verdict.hop, *(f"{count:,}" for count in counts), order, verdict.outcome.value)


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Lay out a table: words to the left, numbers to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(HEADINGS, *rows, strict=True)]
    words = {0, 1, len(HEADINGS) - 1}
    return [
        "  ".join(
            cell.ljust(width) if place in words else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (HEADINGS, *rows)
    ]
