"""How many verdicts a run gave, how many it could not give, and what it did not even try."""

import re
from collections import Counter
from dataclasses import dataclass, field

VOID = "VOID:"

_LED_IN = re.compile(r"^(?:(?:Setup|Teardown) failed:\n)?(?:\w+: )?(?=VOID:)")


def void_message(message: str) -> str | None:
    r"""Return a failed test's message so that it begins with `VOID:`, or None if it failed otherwise.

    Robot puts the place or the kind of an error before its text: both move away.

    Example:
        >>> void_message("Setup failed:\nVOID: nothing was sent.")
        'VOID: nothing was sent.'
        >>> void_message("1 trade was lost.") is None
        True
    """
    found = _LED_IN.match(message)
    return message[found.end() :] if found else None


@dataclass(slots=True)
class Tally:
    """Tests by how they ended.

    Attributes:
        passed: Judged, and in order.
        failed: Judged, and not in order.
        broken: Failed before anything in them judged.
        void: Not to be judged.
        unjudged: Passed, but nothing in them judged.
        skipped: By reason.
    """

    passed: int = 0
    failed: int = 0
    broken: int = 0
    void: int = 0
    unjudged: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    def count(self, status: str, message: str, *, judged: bool) -> None:
        """Count one test by its status in Robot's words, its message, and whether anything in it judged."""
        if status == "SKIP":
            self.skipped[message.strip().splitlines()[0] if message.strip() else "no reason given"] += 1
        elif status == "FAIL" and message.startswith(VOID):
            self.void += 1
        elif judged:
            self.passed += status == "PASS"
            self.failed += status == "FAIL"
        elif status == "FAIL":
            self.broken += 1
        else:
            self.unjudged += 1

    @property
    def given(self) -> int:
        """Return how many verdicts were given."""
        return self.passed + self.failed

    def red_reason(self) -> str | None:
        """Tell why the run cannot be green although no test failed, or None."""
        if self.given or self.void or self.broken:
            return None
        return f"No test of this run gave a verdict, so nothing is proved: {self._rest()}."

    def sentence(self) -> str:
        """Return the summary of the run."""
        return (
            f"Verdicts: {self.given} given ({self.passed} passed, {self.failed} failed), {self.void} void, "
            f"{self.broken} broken off, {self._rest()}."
        )

    def _rest(self) -> str:
        reasons = "; ".join(f"{count} x {reason.rstrip('.')}" for reason, count in self.skipped.most_common())
        skipped = f"{self.skipped.total()} skipped" + (f" ({reasons})" if reasons else "")
        return f"{skipped}, {self.unjudged} passed without judging anything"
