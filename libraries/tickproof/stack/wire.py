"""Talks to a supervisor: requests and answers as lines of JSON on a Unix socket."""

import json
import os
import socket
import tempfile
from pathlib import Path
from typing import Any

from tickproof.stack.errors import StackError

_LONGEST_PATH = 100
_PATIENCE = 60.0


class SupervisorGone(StackError):  # noqa: N818 - it reads as what happened
    """The supervisor has ended."""


class SupervisorSilent(StackError):  # noqa: N818 - it reads as what happened
    """The supervisor lives, but does not answer in time."""

    def __init__(self, name: str, within: float) -> None:
        """Say so, and how to end a stack that cannot be told to end."""
        super().__init__(
            f"Stack {name} does not answer within {within:g} s, so its supervisor hangs: "
            f"end it with `tickproof down --target {name}`."
        )


class Line:
    """One connection to a supervisor."""

    def __init__(self, connection: socket.socket, name: str) -> None:
        """Use a connected socket; `name` is the stack's, for messages."""
        self._socket = connection
        self._file = connection.makefile("rb")
        self._name = name

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
        """Send a request and return its answer, which may take `_PATIENCE` beside its own `wait`.

        Raises:
            SupervisorGone: nobody is there any more.
            SupervisorSilent: no answer comes.
            StackError: the supervisor refuses.
        """
        within = _PATIENCE + float(arguments.get("wait", 0))
        try:
            self._socket.settimeout(within)
            self._socket.sendall(json.dumps({"do": do, **arguments}).encode() + b"\n")
            line = self._file.readline()
        except TimeoutError:
            raise SupervisorSilent(self._name, within) from None
        except OSError:
            line = b""
        if not line.endswith(b"\n"):
            raise SupervisorGone(f"Stack {self._name} is gone: its supervisor has ended.")
        answer: dict[str, Any] = json.loads(line)
        if not answer["ok"]:
            raise StackError(answer["error"])
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self._socket.close()


def ask(folder: Path, name: str, do: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
    """Ask the supervisor of a run's folder one thing; an answer may take `_PATIENCE` beside its own `wait`.

    Raises:
        SupervisorGone: nobody is there any more.
        SupervisorSilent: no answer comes.
        StackError: the supervisor refuses.
    """
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_PATIENCE)
    try:
        _connect(connection, folder / "control.sock")
    except TimeoutError:
        connection.close()
        raise SupervisorSilent(name, _PATIENCE) from None
    except OSError:
        connection.close()
        raise SupervisorGone(f"Stack {name} is gone: its supervisor has ended.") from None
    line = Line(connection, name)
    try:
        return line.ask(do, **arguments)
    finally:
        line.close()


def _connect(connection: socket.socket, path: Path) -> None:
    """Connect to a socket file, also where its path is longer than the address of a socket may be."""
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        connection.connect(str(path))
        return
    with tempfile.TemporaryDirectory(prefix="tickproof-", dir="/tmp") as short:
        detour = Path(short) / "run"
        detour.symlink_to(path.parent)
        connection.connect(str(detour / path.name))
