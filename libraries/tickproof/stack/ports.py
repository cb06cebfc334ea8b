"""Free ports for a stack: below the range of outgoing connections, and never the same for two stacks.

A port is held by a locked file for as long as the supervisor lives. Outgoing connections may use ports above
32767 at any time, and a client that polls such a port before its server listens can connect to itself.
"""

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import psutil

from tickproof.stack.errors import StackError, StackInputError

_LOWEST, _HIGHEST = 20_000, 32_768
_random = random.SystemRandom()


class Ports:
    """Ports that this process holds until `release`; their locks can be handed to a child."""

    def __init__(self, folder: Path | None = None) -> None:
        """Prepare to hold ports.

        Args:
            folder: where the lock files are; by default the same for all runs of this user on this machine.
        """
        self._folder = folder or Path(tempfile.gettempdir()) / f"tickproof-ports-{os.getuid()}"
        self._locks: list[int] = []

    @property
    def descriptors(self) -> tuple[int, ...]:
        """File descriptors of the locks: a process that has them holds the ports."""
        return tuple(self._locks)

    def choose(self, names: Iterable[str], fixed: Mapping[str, str]) -> dict[str, int]:
        """Choose and hold a free port for each name.

        Args:
            names: variables that want a port.
            fixed: values that the user has set; such a port is taken as it is.

        Raises:
            StackInputError: a fixed port is no port, or is in use.
            StackError: no port is free.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = list(names)
        chosen = {name: self._take_fixed(name, fixed[name]) for name in names if name in fixed}
        candidates = _shuffled()
        for name in names:
            if name not in chosen:
                chosen[name] = self._take_free(candidates)
        return chosen

    def release(self) -> None:
        """Let go of the ports, where no child holds them."""
        for lock in self._locks:
            os.close(lock)
        self._locks.clear()

    def _take_free(self, candidates: Iterator[int]) -> int:
        for port in candidates:
            if self._hold(port):
                if is_free(port):
                    return port
                os.close(self._locks.pop())
        raise StackError(
            f"No port between {_LOWEST} and {_HIGHEST - 1} is free; stop some of the programs that use them."
        )

    def _take_fixed(self, name: str, text: str) -> int:
        if not text.isdecimal() or not 0 < int(text) < 65_536:
            raise StackInputError(f"{name} is {text}; a port is a number from 1 to 65535.")
        port = int(text)
        if not self._hold(port):
            raise StackInputError(
                f"Port {port} ({name}) is held by another stack; end that with `tickproof down`, "
                f"or leave {name} out and a free port is chosen."
            )
        if not is_free(port):
            raise StackInputError(
                f"Port {port} ({name}) is in use{_by_whom(port)}; stop that, "
                f"or leave {name} out and a free port is chosen."
            )
        return port

    def _hold(self, port: int) -> bool:
        lock = os.open(self._folder / str(port), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._locks.append(lock)
        return True


def is_free(port: int) -> bool:
    """Tell whether a server could listen on a port of this machine, even without SO_REUSEADDR."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _shuffled() -> Iterator[int]:
    outgoing = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first_outgoing = int(outgoing.read_text().split()[0]) if outgoing.exists() else _HIGHEST
    end = min(first_outgoing, _HIGHEST) if first_outgoing > _LOWEST + 1000 else _HIGHEST
    return iter(_random.sample(range(_LOWEST, end), end - _LOWEST))


def _by_whom(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if (
                connection.laddr
                and connection.laddr.port == port
                and connection.status == psutil.CONN_LISTEN
                and connection.pid
            ):
                return f" by process {connection.pid} ({psutil.Process(connection.pid).name()})"
    except psutil.Error:
        return ""
    return ""
