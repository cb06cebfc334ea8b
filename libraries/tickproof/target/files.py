"""Finding and reading a target's YAML file, with the line of every key."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from tickproof.target.refusal import TargetError, did_you_mean, dotted

_SUFFIXES = (".yaml", ".yml")
_OURS = "embedded"  # what the kit looks for where nobody names a target
_PROJECT = Path(__file__).resolve().parents[3]

Lines = dict[tuple[str | int, ...], int]


def find(target: str | Path) -> Path:
    """Find a target's file.

    Args:
        target: A path (it has a folder or ends in .yaml) or the name of a file in a ``variables`` folder.
            Such a folder is looked for in the current folder and above it, then beside the kit.

    Returns:
        The absolute path of the file.

    Raises:
        TargetError: There is no such file; says where it was looked for and which targets exist.
    """
    text = str(target).strip()
    if not text:
        raise TargetError("The target has no name; give a name such as embedded, or the path of a YAML file.")
    if text.endswith(_SUFFIXES) or "/" in text or "\\" in text:
        path = Path(text).expanduser().absolute()
        if path.is_file():
            return path
        raise TargetError(f"{text}: there is no such target file (looked for {path}).")
    for folder in _folders():
        for suffix in _SUFFIXES:
            path = folder / f"{text}{suffix}"
            if path.is_file():
                return path
    names = known_targets()
    looked = ", ".join(str(folder) for folder in _folders()) or f"{Path.cwd() / 'variables'} (does not exist)"
    listed = f"targets there: {', '.join(names)}" if names else "there are no targets there"
    hint = " The embedded stack comes with a checkout of Tickproof only." if text == _OURS else ""
    raise TargetError(
        f"There is no target `{text}`; looked in {looked}; {listed}.{did_you_mean(text, names)}{hint}"
    )


def known_targets() -> list[str]:
    """Name the targets that can be given by name, sorted."""
    return sorted(
        {path.stem for folder in _folders() for path in folder.iterdir() if path.suffix in _SUFFIXES}
    )


def read(path: Path, shown: str) -> tuple[dict[str, Any], Lines]:
    """Read a target's file.

    Args:
        path: The file.
        shown: How to name the file in messages.

    Returns:
        The file's data, and the line of each key by its path.

    Raises:
        TargetError: The file cannot be read, is not YAML, holds a key twice, or holds no keys.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise TargetError(f"{shown}: is not UTF-8 text (byte {error.start}).") from None
    except OSError as error:
        raise TargetError(f"{shown}: cannot be read ({error.strerror}).") from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.load(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{shown}, line {mark.line + 1}, column {mark.column + 1}" if mark else shown
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        raise TargetError(f"{place}: is not valid YAML: {reason}.") from None
    except (yaml.YAMLError, ValueError) as error:  # a date such as 2026-13-01 is a ValueError
        raise TargetError(f"{shown}: is not valid YAML: {' '.join(str(error).split())}.") from None
    if root is None or not isinstance(root, yaml.MappingNode) or not isinstance(data, dict):
        raise TargetError(
            f"{shown}: holds no keys; a target file begins with keys such as `name` and `hops`."
        )
    lines: Lines = {}
    _note_lines(root, (), lines, shown)
    return data, lines


def _folders() -> list[Path]:
    here = Path.cwd()
    folders = [folder / "variables" for folder in (here, *here.parents, _PROJECT)]
    return list(dict.fromkeys(folder for folder in folders if folder.is_dir()))


def _note_lines(node: yaml.Node, path: tuple[str | int, ...], lines: Lines, shown: str) -> None:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for n, item in enumerate(node.value):
            _note_lines(item, (*path, n), lines, shown)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: dict[Hashable, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        inner = (*path, str(key.value))
        if key.value in seen:
            first = seen[key.value]
            raise TargetError(
                f"{shown}, line {line}: key `{dotted(inner)}` is there twice (first on line {first})."
            )
        seen[key.value] = line
        _note_lines(value, inner, lines, shown)
        lines[inner] = line
