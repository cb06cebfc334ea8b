"""What a bad target file is told: one sentence a fault, with the key, what was found and what is allowed."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

_SHOWN = 7

NAME = r"^[a-z0-9][a-z0-9-]*$"
SYMBOL = r"^[A-Z0-9]{2,20}$"
_PATTERNS = {
    NAME: "it must be made of small letters, digits and hyphens",
    SYMBOL: "it must be made of 2 to 20 capital letters and digits",
}


class TargetError(ValueError):
    """A target cannot be found, read or used; the message is made of whole sentences."""

    ROBOT_SUPPRESS_NAME = True  # Robot shows the message alone


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Return a hint that names the closest allowed word, or nothing when none is close.

    Args:
        word: What was written.
        allowed: The words that would have been right.

    Returns:
        ``" Did you mean `topic`?"`` or an empty text.
    """
    close = difflib.get_close_matches(word, list(allowed), n=1)
    return f" Did you mean `{close[0]}`?" if close else ""


def sentences(
    error: ValidationError,
    model: type[BaseModel],
    where: str,
    lines: Mapping[tuple[str | int, ...], int],
) -> str:
    """Turn pydantic's findings into one sentence each.

    Args:
        error: What pydantic found.
        model: The model that the data was held against; tells which keys are allowed.
        where: The file's name as it should be shown.
        lines: The line on which each key of the file stands.

    Returns:
        The sentences, one a line, at most seven and a count of the others.
    """
    told = []
    for finding in error.errors(include_url=False):
        path = _path_in_file(finding["loc"], lines)
        line = lines.get(path)
        place = f"{where}, line {line}" if line else where
        told.append(f"{place}: {_sentence(finding, path, model)}")
    more = [f"... and {len(told) - _SHOWN} more."] if len(told) > _SHOWN else []
    return "\n".join(told[:_SHOWN] + more)


def dotted(path: Sequence[str | int]) -> str:
    """Write a path as people do: ``hops.api.trades.path``, ``known_issues[2].ticket``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _path_in_file(
    location: tuple[str | int, ...], lines: Mapping[tuple[str | int, ...], int]
) -> tuple[str | int, ...]:
    """Drop the parts of a location that pydantic adds for the branches of a union."""
    path: tuple[str | int, ...] = ()
    for n, part in enumerate(location):
        longer = (*path, part)
        if longer in lines or n == len(location) - 1:
            path = longer
    if location and path not in lines and path[:-1] in lines and not _is_key(location[-1]):
        path = path[:-1]
    return path


def _is_key(part: str | int) -> bool:
    """Tell whether a part of a location can be a key of the file, not a name of a type."""
    return isinstance(part, str) and part.replace("_", "").replace(".", "").replace("-", "").isalnum()


def _sentence(finding: Mapping[str, Any], path: tuple[str | int, ...], model: type[BaseModel]) -> str:
    kind = finding["type"]
    name = f"key `{dotted(path)}`" if path else "the file"
    found = _shown(finding["input"])
    context = finding.get("ctx", {})
    if kind == "extra_forbidden":
        allowed = sorted(_fields_at(model, path[:-1]))
        return f"{name} is unknown; allowed: {', '.join(allowed)}.{did_you_mean(str(path[-1]), allowed)}"
    if kind == "missing":
        return f"{name} is missing."
    if kind in {"enum", "literal_error"}:
        allowed = [word.strip().strip("'") for word in context["expected"].replace(" or ", ", ").split(",")]
        hint = did_you_mean(str(finding["input"]), allowed)
        return f"{name} is {found}; allowed: {', '.join(allowed)}.{hint}"
    if context.get("class_name") == "SecretSource":
        # What was found may be the secret itself.
        return f"{name} must not hold a secret; name the variable that does: {{ variable: NAME }}."
    if kind == "value_error":
        reason = str(context["error"])
        return f"{name} {reason}" if path else reason
    return f"{name} is {found}; {_rule(kind, finding['msg'], context)}."


def _rule(kind: str, message: str, context: Mapping[str, Any]) -> str:
    rules = {
        "string_type": "it must be text (put it in quotes)",
        "int_type": "it must be a whole number",
        "int_from_float": "it must be a whole number",
        "float_type": "it must be a number",
        "bool_type": "it must be true or false",
        "tuple_type": "it must be a list",
        "list_type": "it must be a list",
        "dict_type": "it must hold keys and values",
        "model_type": "it must hold keys and values",
        "model_attributes_type": "it must hold keys and values",
        "date_from_datetime_parsing": "it must be a date such as 2026-12-31",
        "date_type": "it must be a date such as 2026-12-31",
        "date_parsing": "it must be a date such as 2026-12-31",
        "too_short": f"it needs at least {context.get('min_length', 1)}",
        "string_too_short": "it must not be empty",
        "greater_than": f"it must be more than {context.get('gt')}",
        "greater_than_equal": f"it must be at least {context.get('ge')}",
        "less_than_equal": f"it must be at most {context.get('le')}",
        "string_pattern_mismatch": _PATTERNS.get(str(context.get("pattern")), "it has a wrong form"),
    }
    return rules.get(kind, message[:1].lower() + message[1:])


def _shown(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "yes/no (true)" if value else "yes/no (false)"
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 60 else f'"{value[:57]}..."'
    if isinstance(value, Mapping):
        return "a group of keys"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return str(value)


def _fields_at(model: type[BaseModel], path: Sequence[str | int]) -> set[str]:
    """Name the keys that the model allows at a path."""
    models = {model}
    for part in path:
        if isinstance(part, int):
            continue
        inner: set[type[BaseModel]] = set()
        for each in models:
            field = each.model_fields.get(part)
            inner |= _models_in(field.annotation) if field else {each}
        models = inner
    return {name for each in models for name in each.model_fields}


def _models_in(annotation: object) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {found for part in getattr(annotation, "__args__", ()) for found in _models_in(part)}
