"""What was made in the cache, and how it is proved whole: by size and time at each start, by checksum when in doubt.

A look costs a `stat` a file, where a checksum of all would cost a start a tenth of its time.
"""

import json
import os
from pathlib import Path
from typing import Any

from tickerplant.broker.jars import checksum

# Every verified file gets this time stamp. A file written by anybody else gets another one, so a look at size
# and time is enough to notice a change; and the JVM's AOT cache, which remembers the jars' times, stays valid
# when a jar is fetched again.
VERIFIED_AT = 1_600_000_000


class Proofs:
    """The sizes and checksums of what was made in one folder: of files, and of folders with all that is in them.

    Args:
        folder: Where the parts lie. The record is written last: what is not in it was not finished.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "made.json"

    def knows(self, part: Path) -> bool:
        """Tell whether the part was finished once."""
        return bool(self._recorded(part))

    def is_untouched(self, part: Path) -> bool:
        """Tell whether nobody has written to the part since it was recorded."""
        recorded = self._recorded(part)
        return bool(recorded) and _files(part) == {
            name: (proof.get("size"), VERIFIED_AT) for name, proof in recorded.items()
        }

    def is_whole(self, part: Path) -> bool:
        """Tell whether the part holds what it held when it was recorded, whoever may have touched it."""
        if self.is_untouched(part):
            return True
        recorded = self._recorded(part)
        return (
            bool(recorded)
            and _files(part).keys() == recorded.keys()
            and all(checksum(part / name) == proof.get("sha256") for name, proof in recorded.items())
        )

    def record(self, part: Path) -> None:
        """Note what the part holds now."""
        made = self._read()
        made[part.name] = {}
        for name, (size, _) in _files(part).items():
            made[part.name][name] = {"size": size, "sha256": checksum(part / name)}
            os.utime(part / name, (VERIFIED_AT, VERIFIED_AT))
        write_whole(self._file, json.dumps(made, indent=1))

    def _recorded(self, part: Path) -> dict[str, dict[str, Any]]:
        return self._read().get(part.name, {})

    def _read(self) -> dict[str, dict[str, dict[str, Any]]]:
        try:
            made = json.loads(self._file.read_text(encoding="utf-8"))
            return {
                part: {name: dict(proof) for name, proof in files.items()} for part, files in made.items()
            }
        except (OSError, ValueError, TypeError, AttributeError):  # a damaged record proves nothing
            return {}


def _files(part: Path) -> dict[str, tuple[int, float]]:
    """Return size and time of each file of a part, by its path below the part; a file alone is `.`."""
    paths = [path for path in part.rglob("*") if path.is_file()] if part.is_dir() else [part]
    try:
        stats = {str(path.relative_to(part)): path.stat() for path in paths}
    except OSError:
        return {}
    return {name: (stat.st_size, stat.st_mtime) for name, stat in stats.items()}


def write_whole(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
