"""A folder that is made once and kept: its seal is written last and says what each file holds."""

import hashlib
import json
from pathlib import Path
from typing import Any

_SEAL = "done.json"


class BrokenSealError(Exception):
    """A folder does not hold what was sealed; the message names the file."""


def seal(folder: Path, told: dict[str, Any]) -> None:
    """Note the size and the checksum of each file in a finished folder.

    Args:
        folder: The folder.
        told: What is to be read from the seal again.
    """
    files = {name: [path.stat().st_size, _checksum(path)] for name, path in _files(folder).items()}
    draft = folder / f"{_SEAL}.new"
    draft.write_text(json.dumps({"told": told, "files": files}), encoding="utf-8")
    draft.replace(folder / _SEAL)


def unseal(folder: Path) -> dict[str, Any] | None:
    """Return what a folder's seal tells; None where the folder was never finished.

    Raises:
        BrokenSealError: The seal cannot be read, or a file is not what was sealed.
    """
    try:
        text = (folder / _SEAL).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise BrokenSealError(_SEAL) from error
    try:
        content = json.loads(text)
        told, sealed = dict(content["told"]), dict(content["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenSealError(_SEAL) from error
    found = _files(folder)
    for name in sorted(sealed.keys() | found.keys()):
        if name not in sealed or name not in found or sealed[name] != _content(found[name], sealed[name]):
            raise BrokenSealError(name)
    return told


def _content(path: Path, sealed: object) -> list[object]:
    """Return size and checksum; a file of another size is not read."""
    size = path.stat().st_size
    known = isinstance(sealed, list) and sealed[:1] == [size]
    return [size, _checksum(path) if known else None]


def _files(folder: Path) -> dict[str, Path]:
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    found.pop(_SEAL, None)
    return found


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
