"""A state folder of one's own: what is proved here meets no other run and no kept stack."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from tickproof.stack import folders

_VARIABLE = "TICKPROOF_STATE_DIR"


@contextmanager
def own_state_folder() -> Iterator[Path]:
    """Use a state folder of one's own while a block runs; remove it afterwards, and those of the dead before.

    Yields:
        The folder. It is alive as long as its lock is held, which ends with this process, however that ends.
    """
    home = folders.state_folder() / "proving"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with folders.only_one(home / "lock"):
        _clear(home)
        folder = home / str(os.getpid())
        folder.mkdir(mode=0o700)
        lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        flock(lock, LOCK_EX)
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = str(folder)
    try:
        yield folder
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)


def _clear(home: Path) -> None:
    """Remove the folders of those that are gone, once all that they started is gone, too."""
    for folder in (path for path in home.iterdir() if path.is_dir()):
        lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            continue
        else:
            if not any(folders.is_alive(run) for run in (folder / "runs").glob("*--*")):
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
