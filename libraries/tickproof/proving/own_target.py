"""A target whose platform is defective as configured: its stack comes and goes with the run."""

from pathlib import Path

import yaml

from tickproof.proving.catalog import Planted
from tickproof.target import Target


def write(target: Target, planted: Planted, folder: Path, marker: Path) -> Path:
    """Describe the same platform with one service defective from its start.

    Args:
        target: The sound one; its key `defects` names the command.
        planted: The defect.
        folder: Takes the compose file and the target file.
        marker: The file by which the defect tells that it acted.

    Returns:
        The target file.
    """
    assert target.defects is not None
    assert target.compose_file is not None
    compose = yaml.safe_load(target.compose_file.read_text(encoding="utf-8"))
    local = compose["services"][planted.service]["x-local"]
    local["command"] = [*target.defects.command, planted.service, planted.id]
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


_PATHS = ("value_schema", "published_shape")


def _make_absolute(values: dict[str, object], beside: Path) -> None:
    """Write paths that are relative to the target's file in full."""
    for name, value in values.items():
        if isinstance(value, dict):
            _make_absolute(value, beside)
        elif name in _PATHS and isinstance(value, str):
            values[name] = str((beside / value).resolve())
