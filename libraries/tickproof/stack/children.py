"""The supervisor's child processes: each tells when it has ended."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable

from tickproof.stack import processes

_CAN_PEEK = hasattr(os, "waitid")


class Child:
    """A running process, the leader of its group."""

    def __init__(self, process: "subprocess.Popen[bytes]", ended: Callable[["Child"], None]) -> None:
        """Watch a process.

        Args:
            process: the process.
            ended: called once, in the event loop, when it has ended.
        """
        self.process = process
        self.pid = process.pid
        self.started = time.monotonic()
        self.gone = asyncio.Event()
        self._ended = ended

    @property
    def exit_code(self) -> int:
        """How it ended, as Docker tells it."""
        return processes.exit_code(self.process.returncode)

    def signal(self, number: int) -> None:
        """Send a signal to the process alone."""
        self.process.send_signal(number)

    def signal_all(self, number: int) -> None:
        """Send a signal to the process and its group."""
        if not self.gone.is_set():
            processes.signal_group(self.pid, number)

    def look(self) -> bool:
        """Notice the end of the process: the rest of its group ends with it, as in a container.

        Returns:
            Whether it has ended.
        """
        # The group is killed before its leader's number is given back and could name somebody else.
        if _CAN_PEEK and os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return False
        if not _CAN_PEEK and self.process.poll() is None:
            return False
        processes.signal_group(self.pid, signal.SIGKILL)
        self.process.wait()
        self.gone.set()
        self._ended(self)
        return True


class Children:
    """All child processes that run."""

    def __init__(self) -> None:
        """Begin to watch for ends, in the running event loop."""
        self._running: list[Child] = []
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self.look)

    def add(
        self, process: "subprocess.Popen[bytes]", ended: Callable[[Child], None] = lambda _: None
    ) -> Child:
        """Watch a process; `ended` is called when it has ended."""
        child = Child(process, ended)
        self._running.append(child)
        asyncio.get_running_loop().call_soon(self.look)  # it may have ended before it was watched
        return child

    def look(self) -> None:
        """Notice all that have ended."""
        for child in list(self._running):
            if child in self._running and child.look():
                self._running.remove(child)
