"""A target whose platform is defective as configured: its stack comes and goes with the run."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from tickproof.proving.catalog import STACK, Planted
from tickproof.stack import StackError
from tickproof.stack.processes import executable
from tickproof.target import Target

_WITHIN = 60.0


def write(target: Target, planted: Planted, folder: Path, marker: Path) -> Path:
    """Describe the same platform with one service defective from its start.

    Args:
        target: The sound one; its key `defects` names the command.
        planted: The defect.
        folder: Takes the compose file and the target file.
        marker: The file by which the defect tells that it acted.

    Returns:
        The target file.

    Raises:
        StackError: The platform's command could not break the compose file.
    """
    assert target.defects is not None
    assert target.compose_file is not None
    compose = yaml.safe_load(target.compose_file.read_text(encoding="utf-8"))
    command = [*target.defects.command, planted.service, planted.id]
    if planted.service == STACK:
        compose = _changed(compose, command, {target.defects.marker: str(marker)})
    else:
        local = compose["services"][planted.service]["x-local"]
        local["command"] = command
        local.setdefault("environment", {})[target.defects.marker] = str(marker)
    folder.mkdir(parents=True, exist_ok=True)
    composed = folder / f"{planted.id}.compose.yaml"
    composed.write_text(yaml.safe_dump(compose, sort_keys=False), encoding="utf-8")

    described = yaml.safe_load(target.file.read_text(encoding="utf-8"))
    described["name"] = f"{target.name}-broken"
    described["stack"]["compose"] = str(composed)
    _make_absolute(described["hops"], target.file.parent)
    path = folder / f"{planted.id}.target.yaml"
    path.write_text(yaml.safe_dump(described, sort_keys=False), encoding="utf-8")
    return path


def _changed(compose: object, command: Sequence[str], environment: Mapping[str, str]) -> object:
    """Let the platform's command break a declaration of the compose file: JSON in, JSON out."""
    program, *rest = command
    ran = subprocess.run(
        [executable(program), *rest],
        input=json.dumps(compose),
        capture_output=True,
        text=True,
        check=False,
        timeout=_WITHIN,
        env={**os.environ, **environment},
    )
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise StackError(f"`{' '.join(command)}` ended with code {ran.returncode}: {last}")
    changed: object = json.loads(ran.stdout)
    return changed


_PATHS = ("value_schema", "published_shape")


def _make_absolute(values: dict[str, object], beside: Path) -> None:
    """Write paths that are relative to the target's file in full."""
    for name, value in values.items():
        if isinstance(value, dict):
            _make_absolute(value, beside)
        elif name in _PATHS and isinstance(value, str):
            values[name] = str((beside / value).resolve())
