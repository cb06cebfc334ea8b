"""The life of a feed from start to end, with its surroundings replaced."""

import asyncio
import io
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from common.waits import PATIENCE

from tickerplant.feed import service as module
from tickerplant.feed.connection import Line
from tickerplant.feed.coverage import Coverage
from tickerplant.feed.service import Service, assemble, run
from tickerplant.feed.settings import FeedSettings
from tickerplant.feed.tail import StoppedError, Tail
from tickerplant.service import Environment, Log, Stop


class Scene:
    """A feed without a broker and without a venue."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stream = io.StringIO()
        self.stop = Stop()
        self.checkpoint = folder / "feed" / "checkpoint.json"
        self.tail: Callable[[dict[str, Coverage]], Tail] = lambda _: Tail()
        self.on_connected: Callable[[], object] = lambda: None
        settings = FeedSettings.read(
            Environment(
                {
                    "KAFKA_BOOTSTRAP": "127.0.0.1:1",
                    "EXCHANGE_WS_URL": "ws://127.0.0.1:1",
                    "EXCHANGE_REST_URL": "http://127.0.0.1:1",
                    "FEED_SYMBOLS": "BTCUSDT",
                    "HTTP_PORT": "0",
                    "STATE_DIR": str(folder),
                }
            )
        )
        self.service: Service = assemble(settings, Log("feed", stream=self.stream))

        async def follow(_line: Line) -> None:
            self.on_connected()
            await asyncio.Event().wait()

        def read_tail(_bootstrap: str, _topic: str, coverage: dict[str, Coverage], **_: Any) -> Tail:
            return self.tail(coverage)

        monkeypatch.setattr(module, "create_topics", lambda *_: True)
        monkeypatch.setattr(module, "read_tail", read_tail)
        monkeypatch.setattr(Line, "run", follow)
        monkeypatch.setattr(module, "FLUSH_WITHIN", 0.0)

    def run(self) -> None:
        """Run it until it ends; one that does not is asked to after a while, so that nothing hangs."""
        late = threading.Timer(PATIENCE, self.stop.set)
        late.start()
        try:
            run(self.service, self.stop)
        finally:
            late.cancel()
            late.join()


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


def test_a_feed_that_is_asked_to_end_ends_and_remembers(scene: Scene) -> None:
    def found(coverage: dict[str, Coverage]) -> Tail:
        coverage["BTCUSDT"].see(7, time.monotonic())
        return Tail({"BTCUSDT": [7]})

    scene.tail = found
    scene.on_connected = scene.stop.set
    scene.run()
    assert '"BTCUSDT":[8,7,' in scene.checkpoint.read_text()


def test_a_feed_does_not_outlive_its_heart(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ZeroDivisionError("not foreseen")

    scene.on_connected = lambda: monkeypatch.setattr(scene.service.outbox, "work", fail)
    with pytest.raises(ZeroDivisionError, match="not foreseen"):
        scene.run()
    assert not scene.stop.is_set()


def test_a_feed_that_is_asked_to_end_while_it_reads_the_topic_leaves_its_checkpoint_alone(
    scene: Scene,
) -> None:
    scene.checkpoint.parent.mkdir()
    scene.checkpoint.write_text('{"taken_us":1700000000000000,"symbols":{"BTCUSDT":[8,7,false,[]]}}')
    before = scene.checkpoint.read_text()

    def stopped(coverage: dict[str, Coverage]) -> Tail:
        assert coverage["BTCUSDT"].next == 8
        raise StoppedError

    scene.tail = stopped
    scene.run()
    assert scene.checkpoint.read_text() == before


def test_records_that_were_no_trades_are_counted_and_told(scene: Scene) -> None:
    scene.tail = lambda _: Tail(unreadable=3)
    scene.on_connected = scene.stop.set
    scene.run()
    assert scene.service.counts.unreadable == 3
    assert '"event":"tail_unreadable"' in scene.stream.getvalue().replace(": ", ":")
