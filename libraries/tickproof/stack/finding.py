"""What the doctor found."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: ok; note: works, but know it; bad: a stack cannot run so.
        what: what was looked at.
        seen: what was found.
        advice: what to do about it, empty where nothing is to be done.
    """

    level: Literal["ok", "note", "bad"]
    what: str
    seen: str
    advice: str = ""
