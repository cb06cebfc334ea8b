"""A session whose hops show what a test says, without any platform."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
from tickproof.exchange.client import Lease, LeasedSymbol, Progress
from tickproof.scenes import Marks, Place, Scene, Sending

PLACE = Place("Suites.Mine.A Test", "A Test", is_test=True, source=None, exclusive=False)


class FakePlay:
    """Was sent already."""

    def __init__(self, ledger: pa.Table, state: str = "done") -> None:
        self._ledger = ledger
        self.state = state

    def ledger(self) -> pa.Table:
        return self._ledger

    def progress(self) -> Progress:
        return Progress(self.state, self._ledger.num_rows, self._ledger.num_rows)

    def wait(self, _within: timedelta) -> Progress:
        return self.progress()

    def break_off(self) -> None:
        self.state = "failed" if self.state == "running" else self.state


def scene_of(sent: pa.Table, *symbols: str, **more: Any) -> Scene:
    """Returns the scene of a test that leased symbols from id 0 on and sent this."""
    scene = Scene(place=PLACE, seed=7, marks=Marks({"trades": {0: 0}}, 0, 0), **more)
    scene.leases.append(Lease("one", tuple(LeasedSymbol(name, 0) for name in symbols)))
    if sent.num_rows:
        scene.sendings.append(Sending(FakePlay(sent), timedelta(seconds=1)))  # type: ignore[arg-type]
    return scene


@dataclass
class FakeStack:
    """Notes who holds it."""

    folder: Path = Path("nowhere")
    kept: bool = True
    secrets: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    exchange_control_url: str = "http://127.0.0.1:1"
    holds: list[str] = field(default_factory=list)
    ended: bool = False
    refusal: Exception | None = None

    @contextmanager
    def hold(self, *, exclusive: bool, progress: Callable[[str], None]) -> Iterator[None]:  # noqa: ARG002 - nobody waits
        if self.refusal:
            raise self.refusal
        self.holds.append("alone" if exclusive else "shared")
        yield
        self.holds.append("free")

    def events(self) -> list[Any]:
        return []

    def status(self) -> list[Any]:
        return []

    def down(self) -> None:
        self.ended = True


def session_of(scene: Scene, **parts: Any) -> Callable[[], Any]:
    """Returns what stands in for `session.current`."""
    run = SimpleNamespace(scene=scene, place=PLACE, **parts)
    return lambda: run
