"""What became of each defect: killed, killed by another test, survived, or VOID. Pure: runs in, verdicts out."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Any

from tickproof.proving.catalog import Planted
from tickproof.proving.ended import Ended

AVAILABILITY = "availability"
"""The one family whose defects a naive smoke test may notice."""


class Verdict(StrEnum):
    """What became of a defect."""

    KILLED = "killed"
    """Every test that it names is red, with a sentence that tells of it."""
    BY_ANOTHER = "killed by another"
    """The tests that it names are green, but another one is red."""
    SURVIVED = "survived"
    """A test that it names is green, or red with a sentence that does not tell of it."""
    VOID = "void"
    """It never acted, or a test that it names could not judge or did not run."""


@dataclass(frozen=True)
class Attack:
    """What was seen while a defect was planted.

    Attributes:
        tests: Every test that ran, by its full name.
        reached: Whether the defect acted.
        smoke: How the naive smoke test ended; None: it did not run.
        broke_off: Why there are no results.
        control: Tests that ran on the mended platform right afterwards.
        seconds: How long all of it took.
    """

    tests: Mapping[str, Ended] = field(default_factory=dict)
    reached: bool = False
    smoke: Ended | None = None
    broke_off: str = ""
    control: Mapping[str, Ended] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Row:
    """One defect of the matrix.

    Attributes:
        planted: The defect.
        attack: What was seen.
        verdict: What became of it.
        reason: Why it is not killed.
    """

    planted: Planted
    attack: Attack
    verdict: Verdict
    reason: str = ""

    @property
    def killed_by(self) -> list[str]:
        """Return every test that turned red."""
        return [name for name, test in self.attack.tests.items() if test.is_red]

    @property
    def sentence(self) -> str:
        """Return the first line of the first named test that is red, else of any that is."""
        red = [*(name for name in self.planted.kills if name in self.killed_by), *self.killed_by]
        return self.attack.tests[red[0]].first_line if red else ""

    @property
    def is_coarse(self) -> bool:
        """Whether a naive smoke test notices it, which proves little of ours."""
        smoke = self.attack.smoke
        return smoke is not None and smoke.status != "PASS" and self.planted.family != AVAILABILITY

    @property
    def clean_alarms(self) -> list[str]:
        """Return the tests that stayed red after the platform was mended."""
        return [name for name, test in self.attack.control.items() if test.status != "PASS"]


def judge(planted: Planted, attack: Attack) -> Row:
    """Say what became of a defect."""
    named = {name: attack.tests.get(name, _MISSING) for name in planted.kills}
    if reason := _void(attack, named):
        return Row(planted, attack, Verdict.VOID, reason)
    green = [name for name, test in named.items() if not test.is_red]
    others = [name for name, test in attack.tests.items() if name not in named and test.is_red]
    if len(green) == len(named) and others:
        reason = f"{_short(green[0])} stayed green, {_short(others[0])} did not"
        return Row(planted, attack, Verdict.BY_ANOTHER, reason)
    if green:
        return Row(planted, attack, Verdict.SURVIVED, f"{', '.join(map(_short, green))} stayed green")
    for name, test in named.items():
        if not re.search(planted.says, test.message, re.DOTALL):
            reason = f"{_short(name)} is red, but its sentence does not tell of the defect"
            return Row(planted, attack, Verdict.SURVIVED, reason)
    return Row(planted, attack, Verdict.KILLED)


_MISSING = Ended("NOT RUN")


def _void(attack: Attack, named: Mapping[str, Ended]) -> str:
    """Return why nothing can be said of a defect, or nothing."""
    if attack.broke_off:
        return attack.broke_off
    if not attack.reached:
        return "it never acted"
    for name, test in named.items():
        if test.status not in {"PASS", "FAIL"}:
            return f"{_short(name)} did not run"
        if test.is_void:
            return f"{_short(name)} could not judge: {test.first_line}"
    return ""


@dataclass(frozen=True)
class Matrix:
    """All defects that were planted, and what the clean platform gave.

    Attributes:
        rows: One a defect, in the order of running.
        control: The clean control at the end.
        left: Ids of defects that were chosen, but did not run.
        seed: What plans were drawn from.
        seconds: How long all of it took.
        interrupted: Whether it was ended before its time.
    """

    rows: Sequence[Row]
    control: Mapping[str, Ended]
    left: Sequence[str]
    seed: int
    seconds: float
    interrupted: bool = False

    def count(self, verdict: Verdict) -> int:
        """Return how many defects ended so."""
        return sum(row.verdict is verdict for row in self.rows)

    @property
    def killed(self) -> int:
        """Return how many were killed by the tests that they name."""
        return self.count(Verdict.KILLED)

    @property
    def clean_alarms(self) -> list[str]:
        """Return tests that were red on the clean platform, one entry a time."""
        alarms = [name for row in self.rows for name in row.clean_alarms]
        return alarms + [name for name, test in self.control.items() if test.status != "PASS"]

    @property
    def score(self) -> float:
        """Return killed of all."""
        return self.killed / len(self.rows) if self.rows else 0.0

    @property
    def strength(self) -> float:
        """Return killed of those that acted."""
        reached = sum(row.attack.reached for row in self.rows)
        return self.killed / reached if reached else 0.0

    def troubles(self) -> list[str]:
        """Say what makes the lane red, one sentence each; none means green."""
        if not self.rows:
            return ["No defect was planted, so nothing is proved."]
        told = [
            f"{row.planted.id}: {row.verdict.value}, {row.reason}."
            for row in self.rows
            if row.verdict is not Verdict.KILLED
        ]
        told += [
            f"{row.planted.id} is not subtle: the naive smoke test is red, too."
            for row in self.rows
            if row.is_coarse
        ]
        alarms = self.clean_alarms
        if alarms:
            told.append(f"On the clean platform {_several(alarms)} should be green, but turned red.")
        if self.interrupted:
            told.append(
                f"Interrupted: {len(self.left)} of {len(self.rows) + len(self.left)} defects did not run."
            )
        return told

    def as_json(self) -> dict[str, Any]:
        """Return what `matrix.json` holds."""
        smoke = [row.attack.smoke for row in self.rows if row.attack.smoke]
        return {
            "total": len(self.rows),
            "killed": self.killed,
            "killed_by_another": self.count(Verdict.BY_ANOTHER),
            "survived": self.count(Verdict.SURVIVED),
            "void": self.count(Verdict.VOID),
            "score": round(self.score, 4),
            "strength": round(self.strength, 4),
            "seconds": round(self.seconds, 1),
            "median_seconds": round(median(row.attack.seconds for row in self.rows), 1)
            if self.rows
            else None,
            "seed": self.seed,
            "interrupted": self.interrupted,
            "not_run": list(self.left),
            "clean_alarms": self.clean_alarms,
            "naive_smoke": {"ran": len(smoke), "noticed": sum(test.status != "PASS" for test in smoke)},
            "defects": [_row_as_json(row, self.seed) for row in self.rows],
        }


def replay(planted: Planted, seed: int) -> str:
    """Return the command that plants one defect again."""
    return f"tickproof defects {planted.id} --seed {seed}"


def _row_as_json(row: Row, seed: int) -> dict[str, Any]:
    planted, attack = row.planted, row.attack
    return {
        "id": planted.id,
        "family": planted.family,
        "incident": planted.incident,
        "service": planted.service,
        "verdict": row.verdict.value,
        "reason": row.reason,
        "named": list(planted.kills),
        "killed_by": row.killed_by,
        "also_red": [name for name in row.killed_by if name not in planted.kills],
        "reached": attack.reached,
        "smoke": attack.smoke.status if attack.smoke else None,
        "clean_alarms": row.clean_alarms,
        "seconds": round(attack.seconds, 1),
        "seed": seed,
        "sentence": row.sentence,
        "replay": replay(planted, seed),
    }


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _several(names: Iterable[str]) -> str:
    each = list(dict.fromkeys(_short(name) for name in names))
    return ", ".join(each[:5]) + (f" and {len(each) - 5} more" if len(each) > 5 else "")
