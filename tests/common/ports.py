"""Ports for processes that tests start."""

import os
import socket
from collections.abc import Iterator


def _free() -> Iterator[int]:
    # Below the range from which outgoing connections take theirs; two runs side by side begin at different places.
    for port in range(11_000 + os.getpid() % 12_000, 32_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        yield port
    raise AssertionError("No port is free.")


_PORTS = _free()


def new_port() -> int:
    """Returns a port that nobody listens on; each is given once, as a process may take its own only later."""
    return next(_PORTS)
