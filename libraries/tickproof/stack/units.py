"""Compose's ways to write a duration and an amount of memory."""

import re

_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>us|ms|s|m|h)")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>b|k|kb|m|mb|g|gb)?", re.IGNORECASE)
_POWERS = {"b": 0, "k": 1, "m": 2, "g": 3}


def seconds(text: str) -> float:
    """Return a duration in seconds.

    Args:
        text: a duration as Compose writes it: `1m30s`, `100ms`, `2.5s`.

    Raises:
        ValueError: the text is no such duration.

    Example:
        >>> seconds("1m30s")
        90.0
    """
    parts = list(_DURATION.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        raise ValueError("a duration such as 500ms, 10s or 1m30s")
    return sum(float(part["number"]) * _SECONDS[part["unit"]] for part in parts)


def amount(text: str) -> int:
    """Return an amount of memory in bytes.

    Args:
        text: an amount as Compose writes it: `512m`, `1gb`, `1073741824`.

    Raises:
        ValueError: the text is no such amount.

    Example:
        >>> amount("512m")
        536870912
    """
    match = _BYTES.fullmatch(text)
    if match is None:
        raise ValueError("an amount of memory such as 512m or 1g")
    unit = (match["unit"] or "b").lower()[0]
    return int(float(match["number"]) * 1024 ** _POWERS[unit])
