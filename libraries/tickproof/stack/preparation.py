"""What must be there before a service starts for the first time: fetched parts, trained caches."""

import asyncio
import fcntl
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tickproof.stack import interpolation, processes
from tickproof.stack.children import Children
from tickproof.stack.model import ServicePlan

LOCK = "prepare.lock"
"""The file in the cache whose holder prepares a service."""

WAITING = "waiting for another run that prepares the same"

_LOOK_EVERY = 0.2


class PreparationFailed(Exception):  # noqa: N818 - it reads as what happened
    """The command that prepares a service did not end well."""

    def __init__(self, exit_code: int) -> None:
        """Note the exit code."""
        super().__init__(f"exit code {exit_code}")
        self.exit_code = exit_code


def environment(cache: str) -> dict[str, str]:
    """Return what a preparation gets: all of the user's environment, as it may fetch through proxies."""
    return {**os.environ, "PYTHONUNBUFFERED": "1", "CACHE_DIR": cache}


async def prepare(
    plan: ServicePlan,
    variables: Mapping[str, str],
    children: Children,
    folder: Path,
    progress: Callable[[str], None],
) -> None:
    """Run a service's preparation. One at a time on this machine: they share the cache.

    Args:
        plan: the service.
        variables: what its arguments may name; CACHE_DIR is the folder to fetch into.
        children: takes the process.
        folder: of the run.
        progress: called with each line that the preparation writes.

    Raises:
        PreparationFailed: the command could not be started, or ended with an exit code other than 0.
    """
    cache = Path(variables["CACHE_DIR"])
    lock = os.open(cache / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        await _alone(lock, progress)
        argv = [interpolation.fill(word, variables) for word in plan.prepare]
        with (folder / "logs" / f"{plan.name}.log").open("ab", buffering=0) as log:

            def heard(line: bytes) -> None:
                log.write(line)
                if text := line.decode("utf-8", "replace").strip():
                    progress(text)

            try:
                exit_code = await _run(argv, environment(str(cache)), children, folder, heard)
            except OSError as error:
                heard(f"{argv[0]} cannot be started: {error.strerror}\n".encode())
                exit_code = 127
    finally:
        os.close(lock)
    if exit_code != 0:
        raise PreparationFailed(exit_code)


async def _alone(lock: int, progress: Callable[[str], None]) -> None:
    told = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not told:
                progress(WAITING)
            told = True
            await asyncio.sleep(_LOOK_EVERY)
        else:
            return


async def _run(
    argv: Sequence[str],
    environment: Mapping[str, str],
    children: Children,
    folder: Path,
    heard: Callable[[bytes], None],
) -> int:
    process = processes.spawn(argv, environment=environment, folder=folder, output=subprocess.PIPE)
    child = children.add(process)
    try:
        assert process.stdout
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), process.stdout
        )
        while line := await reader.readline():
            heard(line)
        transport.close()
        await child.gone.wait()
    finally:
        child.signal_all(signal.SIGKILL)
    return child.exit_code
