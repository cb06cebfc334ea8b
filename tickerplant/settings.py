"""Settings come from the environment; a wrong one is refused with one sentence that names it."""

import math
import os
from collections.abc import Mapping, Sequence


class SettingsError(ValueError):
    """A setting is missing or wrong; the message is one sentence for the operator."""


class Environment:
    """Typed, checked reading of environment variables.

    A variable that is set but empty counts as not set, as Compose files often pass empty ones on.

    Args:
        values: The variables; the process's own when not given.
    """

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = os.environ if values is None else values

    def text(self, name: str, default: str | None = None) -> str:
        """Return the variable's text, else the default; with no default the variable is required."""
        value = self._values.get(name, "").strip()
        if value:
            return value
        if default is None:
            raise SettingsError(f"{name} is not set, and there is no default for it.")
        return default

    def integer(self, name: str, default: int | None = None, *, low: int, high: int) -> int:
        """Return a whole number between `low` and `high`, both included."""
        text = self.text(name, None if default is None else str(default))
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise SettingsError(f"{name} is '{text}', but must be a whole number from {low} to {high}.")
        return value

    def port(self, name: str, default: int | None = None) -> int:
        """Return a TCP port; 0 lets the system choose a free one."""
        return self.integer(name, default, low=0, high=65_535)

    def number(self, name: str, default: float | None = None, *, low: float, high: float) -> float:
        """Return a finite number between `low` and `high`, both included."""
        text = self.text(name, None if default is None else f"{default:g}")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise SettingsError(f"{name} is '{text}', but must be a number from {low:g} to {high:g}.")
        return value

    def choice(self, name: str, default: str | None = None, *, allowed: Sequence[str]) -> str:
        """Return one of the allowed words."""
        text = self.text(name, default)
        if text not in allowed:
            raise SettingsError(f"{name} is '{text}', but must be one of: {', '.join(allowed)}.")
        return text

    def names(self, name: str, default: str | None = None) -> tuple[str, ...]:
        """Return a comma-separated list, without blanks and repetitions, in its own order."""
        parts = (part.strip() for part in self.text(name, default).split(","))
        names = tuple(dict.fromkeys(part for part in parts if part))
        if not names and default != "":
            raise SettingsError(f"{name} names nothing, but must be a comma-separated list.")
        return names
