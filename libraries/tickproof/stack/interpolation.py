"""Compose's variables in texts: `${NAME}`, `${NAME:-default}` and `$$` for a dollar sign."""

import re
from collections.abc import Iterable, Mapping

_TOKEN = re.compile(
    r"\$(?:(?P<escaped>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}$]*))?\}|(?P<other>\{[^}]*\}?|\w*))"
)


def names(text: str) -> set[str]:
    """Return the variables that a text cannot do without.

    Args:
        text: a template.

    Raises:
        ValueError: the text uses a form of Compose's that is not among the three supported ones.

    Example:
        >>> sorted(names("${HOST}:${PORT:-80}"))
        ['HOST']
    """
    return {name for name, default in _tokens(text) if default is None}


def mentioned(texts: Iterable[str]) -> set[str]:
    """Return all variables that the texts name, also those that have a default."""
    return {name for text in texts for name, _ in _tokens(text)}


def fill(text: str, variables: Mapping[str, str]) -> str:
    """Return the text with its variables filled in.

    Args:
        text: a template.
        variables: their values. An empty value counts as not set where the template has a default.

    Raises:
        KeyError: a variable has neither value nor default.
        ValueError: the text uses a form that is not supported.

    Example:
        >>> fill("http://127.0.0.1:${PORT}/?cost=$$${COST:-3}", {"PORT": "80"})
        'http://127.0.0.1:80/?cost=$3'
    """

    def value(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        _refuse_other(match)
        name, default = match["name"], match["default"]
        if default is not None:
            return variables.get(name) or default
        return variables[name]

    return _TOKEN.sub(value, text)


def _tokens(text: str) -> Iterable[tuple[str, str | None]]:
    for match in _TOKEN.finditer(text):
        if not match["escaped"]:
            _refuse_other(match)
            yield match["name"], match["default"]


def _refuse_other(match: re.Match[str]) -> None:
    if match["name"] is None:
        raise ValueError(
            f"{match[0]}, which is not supported; write ${{NAME}}, ${{NAME:-default}}, or $$ for a dollar sign"
        )
