"""Judge saved ledgers again, with no stack: what `tickproof judge results/<run>` does."""

from dataclasses import dataclass
from pathlib import Path

from tickproof.verdicts import HopVerdict


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
        """Tell whether there was something to judge and all of it is in order."""
        return bool(self.judged) and all(verdict.ok for one in self.judged for verdict in one.verdicts)

    def text(self) -> str:
        """Return a table of all verdicts and the sentences of those that are not in order."""
        raise NotImplementedError


def judge_folder(path: Path) -> Report:
    """Judge every ledger in a folder and below it, as their `meta.json` says.

    Raises:
        ValueError: There is no ledger, or one cannot be read; one sentence says which.
    """
    raise NotImplementedError
