"""One writer a catalog on this machine: a file lock that the system lets go of when its holder dies."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from tickerplant.service import SettingsError

_PATIENCE_TRIES = 50
_PAUSE_SECONDS = 0.1


class SecondWriterError(RuntimeError):
    """Another writer holds the lock."""


class WriterLock:
    """Held from `acquire` until the process ends or `release`.

    Catalogs that are no local file have no lock; there the claim on the table alone decides.

    Args:
        catalog_uri: the catalog that is written to.
        pause: waits between tries.
    """

    def __init__(self, catalog_uri: str, pause: Callable[[float], object]) -> None:
        self._path: Path | None = None
        if catalog_uri.startswith("sqlite:///"):
            database = catalog_uri.removeprefix("sqlite:///").partition("?")[0]
            self._path = Path(f"{database}.writer-lock")
        self._pause = pause
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock; a writer that is just ending gets a few seconds to let go.

        Raises:
            SettingsError: another writer is at work.
        """
        if self._path is None:
            return
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        for _ in range(_PATIENCE_TRIES):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._pause(_PAUSE_SECONDS)
            else:
                os.truncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()}\n".encode())
                self._descriptor = descriptor
                return
        holder = os.read(descriptor, 32).decode().strip()
        os.close(descriptor)
        raise SettingsError(
            f"CATALOG_URI names a catalog at which the writer with process id {holder} is at work already."
        )

    def release(self) -> None:
        """Let the next writer in; harmless when not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
