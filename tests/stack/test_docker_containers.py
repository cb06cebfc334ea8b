"""Containers as the supervisor sees them: what the engine says becomes states and events."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from common.waits import until
from tickproof.stack.children import Children
from tickproof.stack.docker.container import Container, Containers
from tickproof.stack.life import Override, Surroundings
from tickproof.stack.model import HealthCheck, Restart, ServicePlan
from tickproof.stack.timeline import Timeline


class FakeEngine:
    """Does at once what it is asked, and says so as an engine would."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.hear: Callable[..., None] = lambda *_: None
        self.client = self
        self.api = self

    def inspect_container(self, _identity: str) -> dict[str, Any]:
        return {"State": {"Pid": 4711}}

    def logs(self, _identity: str, **_: object) -> list[bytes]:
        return [b"hello\n"]

    async def do(self, _service: str, what: str, **options: Any) -> None:
        getattr(self, what)(**options)

    def stop(self, timeout: int) -> None:
        self.asked.append(f"stop within {timeout}")
        self._loop.call_soon_threadsafe(self.hear, "die", "c1", {"exitCode": "0"})

    def start(self) -> None:
        self.asked.append("start")
        self._loop.call_soon_threadsafe(self.hear, "start", "c1", {})

    def pause(self) -> None:
        self.asked.append("pause")
        self._loop.call_soon_threadsafe(self.hear, "pause", "c1", {})

    def unpause(self) -> None:
        self.asked.append("unpause")
        self._loop.call_soon_threadsafe(self.hear, "unpause", "c1", {})

    async def recreate(self, service: str, override: dict[str, Any]) -> None:
        self.asked.append(f"recreate {service} with {override}")
        self.hear("create", "c2", {})
        self.hear("start", "c2", {})

    def in_loop(self) -> None:
        self._loop = asyncio.get_running_loop()


TIMELINES: list[Timeline] = []
Scene = tuple[Container, FakeEngine, Timeline]
Test = Callable[[Path], Coroutine[Any, Any, None]]


def in_a_loop(test: Test) -> Callable[[Path], None]:
    @functools.wraps(test)
    def run(tmp_path: Path) -> None:
        asyncio.run(test(tmp_path))
        TIMELINES.pop().close()

    return run


def scene(tmp_path: Path, policy: str = "unless-stopped") -> Scene:
    (tmp_path / "logs").mkdir()
    timeline = Timeline(tmp_path / "events.jsonl")
    TIMELINES.append(timeline)
    around = Surroundings(
        tmp_path, {}, timeline, Children(), {}, lambda error: pytest.fail(str(error)), lambda _: None
    )
    engine = FakeEngine()
    plan = ServicePlan("writer", ("python",), health=HealthCheck(), restart=Restart(policy))  # type: ignore[arg-type]
    container = Container(plan, around, Containers(engine, around))  # type: ignore[arg-type]
    around.services["writer"] = container
    engine.hear = container.hear
    engine.in_loop()
    container.hear("create", "c1", {})
    container.hear("start", "c1", {})
    container.hear("health_status: healthy", "c1", {})
    return container, engine, timeline


def whats(timeline: Timeline) -> list[str]:
    return [event.what for event in timeline.events]


@in_a_loop
async def test_it_comes_up_as_the_engine_says(tmp_path: Path) -> None:
    container, _, timeline = scene(tmp_path)
    assert whats(timeline) == ["created", "started", "healthy"]
    assert container.is_ready
    state = container.describe(measured=False)
    assert (state.state, state.health, state.pid, state.restarts) == ("running", "healthy", 4711, 0)
    container.hear("health_status: unhealthy", "c1", {})
    assert not container.is_ready


@in_a_loop
async def test_a_crash_is_told_and_the_policy_brings_it_back(tmp_path: Path) -> None:
    container, _, timeline = scene(tmp_path)
    container.hear("die", "c1", {"exitCode": "137"})
    assert container.describe(measured=False).state == "restarting"
    container.hear("start", "c1", {})
    assert whats(timeline)[3:] == ["died", "restarted", "started"]
    assert timeline.events[3].exit_code == 137
    assert timeline.events[4].detail == "by its restart policy, restart 1"
    assert container.describe(measured=False).restarts == 1
    assert container.describe(measured=False).health == "starting"


@in_a_loop
async def test_one_that_is_not_to_come_back_has_exited(tmp_path: Path) -> None:
    container, _, _ = scene(tmp_path, policy="no")
    container.hear("die", "c1", {"exitCode": "3"})
    assert container.describe(measured=False).state == "exited"
    assert container.exit_code == 3


@in_a_loop
async def test_out_of_memory_is_told_as_that(tmp_path: Path) -> None:
    container, _, timeline = scene(tmp_path)
    container.hear("oom", "c1", {})
    container.hear("die", "c1", {"exitCode": "137"})
    assert whats(timeline)[3:] == ["oom", "died"]
    assert "out of memory" in timeline.events[4].detail


@in_a_loop
async def test_stopped_and_started_by_hand(tmp_path: Path) -> None:
    container, engine, timeline = scene(tmp_path)
    await container.stop()
    await container.start()
    await timeline.until(lambda: whats(timeline)[-1] == "started")
    assert engine.asked == ["stop within 10", "start"]
    assert whats(timeline)[3:] == ["stopped", "restarted", "started"]
    assert container.describe(measured=False).restarts == 0


@in_a_loop
async def test_one_between_two_runs_can_be_stopped(tmp_path: Path) -> None:
    container, engine, timeline = scene(tmp_path)
    container.hear("die", "c1", {"exitCode": "1"})
    engine.hear = lambda *_: None  # nothing runs that could say that it ended
    await container.stop()
    assert container.describe(measured=False).state == "exited"
    assert whats(timeline)[3:] == ["died", "stopped"]


@in_a_loop
async def test_paused_and_resumed(tmp_path: Path) -> None:
    container, engine, timeline = scene(tmp_path)
    await container.pause()
    assert container.describe(measured=False).state == "paused"
    await container.resume()
    assert engine.asked == ["pause", "unpause"]
    assert whats(timeline)[3:] == ["paused", "resumed"]


@in_a_loop
async def test_other_words_and_variables_take_a_new_container(tmp_path: Path) -> None:
    container, engine, timeline = scene(tmp_path)
    await container.restart(Override(("python", "-V"), {"WORD": "changed"}))
    assert engine.asked[1:] == [
        "recreate writer with {'command': ['python', '-V'], 'environment': {'WORD': 'changed'}}"
    ]
    container.hear("health_status: unhealthy", "c1", {})  # the old one's last word
    assert whats(timeline)[-1] == "started"
    engine.hear = lambda what, _, attributes: container.hear(what, "c2", attributes)
    await container.restart(None)
    assert engine.asked[3:] == ["recreate writer with {}"]


@in_a_loop
async def test_its_log_is_kept(tmp_path: Path) -> None:
    scene(tmp_path)
    log = tmp_path / "logs" / "writer.log"
    await asyncio.to_thread(until, lambda: log.exists() and log.read_text() == "hello\n")
