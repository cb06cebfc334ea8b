"""The event timeline of a stack: what happened to which service, and when."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tickproof.clock import now_ns
from tickproof.stack.model import StackEvent


class Timeline:
    """Notes events in order, in memory and in a file of JSON lines, and wakes those who wait for one."""

    def __init__(self, path: Path) -> None:
        """Begin a timeline in a file."""
        self.events: list[StackEvent] = []
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._news = asyncio.Event()

    def add(
        self,
        service: str,
        what: str,
        *,
        pid: int | None = None,
        exit_code: int | None = None,
        detail: str = "",
    ) -> None:
        """Note that something happened now."""
        event = StackEvent(len(self.events) + 1, now_ns(), service, what, pid, exit_code, detail)
        self.events.append(event)
        self._file.write(json.dumps(asdict(event)) + "\n")
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until a condition holds; it is looked at again after each event."""
        while not true():
            await self._news.wait()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read(path: Path) -> list[StackEvent]:
    """Read a timeline from its file; a last line that is only half written is left out."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return [StackEvent(**json.loads(line)) for line in lines if line.endswith("\n")]
