"""The user's cache: where prepared parts are kept, how they are proved whole, who may change them."""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tickerplant.broker.errors import BrokerError
from tickerplant.broker.jars import Jar, checksum, kafka_version
from tickerplant.broker.proofs import VERIFIED_AT, Proofs, write_whole
from tickerplant.settings import Environment


def cache_folder(environment: Environment) -> Path:
    """Return the driver's CACHE_DIR, else TICKPROOF_CACHE_DIR, else the user's own cache folder."""
    chosen = environment.text("CACHE_DIR", "") or environment.text("TICKPROOF_CACHE_DIR", "")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs  # noqa: PLC0415 - rarely needed, and a prepared start should be quick

    return Path(platformdirs.user_cache_dir("tickproof"))


@dataclass(frozen=True)
class BrokerCache:
    """What a prepared broker needs, below one folder that is named after the pinned jars."""

    folder: Path
    jars: tuple[Jar, ...]

    @classmethod
    def of(cls, environment: Environment, jars: Sequence[Jar]) -> "BrokerCache":
        """Return the cache of these jars; other versions live beside it, undisturbed."""
        pinned = hashlib.sha256("".join(jar.sha256 for jar in jars).encode()).hexdigest()[:12]
        name = f"kafka-{kafka_version(jars)}-{pinned}"
        return cls(cache_folder(environment) / name, tuple(jars))

    @property
    def jar_folder(self) -> Path:
        """Where the jars lie."""
        return self.folder / "jars"

    @property
    def template(self) -> Path:
        """A formatted, empty data directory, to be copied by each new broker."""
        return self.folder / "template"

    @property
    def proofs(self) -> Proofs:
        """What tells whether the template and the ahead-of-time caches are whole."""
        return Proofs(self.folder)

    @property
    def class_path(self) -> str:
        """All jars, in the order of the lock file."""
        return os.pathsep.join(str(self.jar_folder / jar.filename) for jar in self.jars)

    def doubtful_jars(self) -> list[Jar]:
        """Return the jars that are missing or touched since they were verified; costs a `stat` a jar."""
        sizes = self._sizes()
        return [jar for jar in self.jars if not self._untouched(jar, sizes)]

    def _untouched(self, jar: Jar, sizes: dict[str, int]) -> bool:
        try:
            stat = (self.jar_folder / jar.filename).stat()
        except OSError:
            return False
        return stat.st_mtime == VERIFIED_AT and sizes.get(jar.filename) == stat.st_size

    def broken_jars(self) -> list[Jar]:
        """Return the jars that are missing or damaged."""
        return [jar for jar in self.doubtful_jars() if not self._is_whole(jar)]

    def _is_whole(self, jar: Jar) -> bool:
        path = self.jar_folder / jar.filename
        return path.exists() and checksum(path) == jar.sha256

    def stamp(self) -> None:
        """Record that all jars were verified just now."""
        sizes = {}
        for jar in self.jars:
            path = self.jar_folder / jar.filename
            os.utime(path, (VERIFIED_AT, VERIFIED_AT))
            sizes[jar.filename] = path.stat().st_size
        write_whole(self.folder / "sizes.json", json.dumps(sizes))

    def _sizes(self) -> dict[str, int]:
        try:
            sizes = json.loads((self.folder / "sizes.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return sizes if isinstance(sizes, dict) else {}


@contextmanager
def only_one(folder: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the folder's lock, so that two set-ups at once do not disturb each other.

    Args:
        folder: The cache folder; made when it does not exist.
        on_wait: Called once when somebody else holds the lock, before waiting for it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / "prepare.lock").open("w", encoding="utf-8")
    except OSError as error:
        raise BrokerError(f"The cache folder {folder} cannot be written: {error.strerror}.") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
