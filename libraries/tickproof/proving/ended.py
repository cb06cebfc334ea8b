"""How one test ended."""

from dataclasses import dataclass

from tickproof.evidence.tally import VOID, void_message


@dataclass(frozen=True)
class Ended:
    """How one test ended.

    Attributes:
        status: PASS, FAIL or SKIP.
        message: What it said.
    """

    status: str
    message: str = ""

    @classmethod
    def told(cls, status: str, message: str) -> "Ended":
        """Return the end of a test as Robot tells it, with `VOID:` in front where it could not judge."""
        return cls(status, void_message(message) or message)

    @property
    def is_void(self) -> bool:
        """Whether it could not judge."""
        return self.status == "FAIL" and self.message.startswith(VOID)

    @property
    def is_red(self) -> bool:
        """Whether it judged, and found something."""
        return self.status == "FAIL" and not self.is_void

    @property
    def first_line(self) -> str:
        """Return the first line of what it said."""
        lines = self.message.strip().splitlines()
        return lines[0] if lines else ""
