"""``${VARIABLE}`` in a target's texts, filled in when the stack's addresses are known."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from tickproof.target.refusal import TargetError, did_you_mean

_REFERENCE = re.compile(r"\$(?:\$|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})")


def fill_in(text: str, variables: Mapping[str, str], told: str) -> str:
    """Replace each ``${NAME}`` and ``${NAME:-default}``; ``$$`` is one dollar sign.

    Args:
        text: The text as it stands in the file.
        variables: Values by name.
        told: The beginning of the message (file and key) for a name without a value.

    Returns:
        The text with all values in place.

    Raises:
        TargetError: A variable without a default has no value.
    """

    def value(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return "$"
        if name in variables:
            return variables[name]
        if match["default"] is not None:
            return match["default"]
        raise TargetError(
            f"{told} needs the variable {name}, which neither the stack nor the environment defines."
            + did_you_mean(name, variables)
        )

    return _REFERENCE.sub(value, text)


def fill_in_all(data: Any, variables: Mapping[str, str], told: Callable[[tuple[str | int, ...]], str]) -> Any:  # noqa: ANN401 - plain YAML data
    """Replace the references in every text of nested lists and mappings.

    Args:
        data: Plain data.
        variables: Values by name.
        told: Makes the beginning of a message from the path of the text.

    Returns:
        A copy of the data.
    """

    def walk(item: Any, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401 - plain YAML data
        if isinstance(item, str):
            return fill_in(item, variables, told(path))
        if isinstance(item, Mapping):
            return {key: walk(inner, (*path, key)) for key, inner in item.items()}
        if isinstance(item, (list, tuple)):
            return [walk(inner, (*path, n)) for n, inner in enumerate(item)]
        return item

    return walk(data, ())
