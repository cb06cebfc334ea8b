"""From a name or path to a checked target."""

import hashlib
import json
from datetime import date, datetime
from pathlib import Path

from pydantic import ValidationError

from tickproof.target.files import find, read
from tickproof.target.model import Target, arrow_schema
from tickproof.target.projection import Projection
from tickproof.target.refusal import TargetError, sentences


def load(target: str | Path) -> Target:
    """Load and check a target's file.

    Args:
        target: The name of a target (``embedded``) or the path of its YAML file.

    Returns:
        The target. Its ``${VARIABLE}`` references are still in place: see ``Target.resolve``.

    Raises:
        TargetError: The file is missing or wrong; one sentence for each fault.
    """
    path = find(target)
    shown = _shown(path)
    data, lines = read(path, shown)
    try:
        # JSON is pydantic's strict form in which lists and words may become tuples and enumerations.
        loaded = Target.model_validate_json(json.dumps(data, default=_plain))
    except ValidationError as error:
        raise TargetError(sentences(error, Target, shown, lines)) from None
    for name in ("kafka", "api"):  # the columns of a lake are known only by its table
        if (hop := getattr(loaded.hops, name)) is not None:
            told = f"{shown}, line {lines['hops', name, 'mapping']}: key `hops.{name}.mapping`"
            Projection(hop.mapping, told).check(arrow_schema(hop.columns))
    loaded.remember(path, shown, hashlib.sha256(path.read_bytes()).hexdigest())
    return loaded


def _shown(path: Path) -> str:
    """Name a file as the user would: relative to the current folder or to the project when it is inside."""
    for base in (Path.cwd(), path.parent.parent):
        if path.is_relative_to(base):
            return path.relative_to(base).as_posix()
    return str(path)


def _plain(value: object) -> str:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value)
