"""The life of one service that is a container: the engine starts, checks and restarts it, we watch and disturb it."""

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Mapping
from typing import Any

import psutil

from tickproof.stack import processes
from tickproof.stack.docker.engine import Engine
from tickproof.stack.errors import StackError
from tickproof.stack.life import Life, Override, Surroundings
from tickproof.stack.model import ServicePlan, ServiceState

EXCHANGE = "exchange"


class Containers:
    """All containers of a run, brought up together once the exchange can be reached."""

    def __init__(self, engine: Engine, around: Surroundings) -> None:
        self.engine = engine
        self._around = around
        self._up: asyncio.Task[None] | None = None

    async def up(self) -> None:
        """Bring all up, once."""
        if self._up is None:
            self._listen()
            self._up = asyncio.create_task(self.engine.up())
        await asyncio.shield(self._up)

    async def down(self) -> None:
        """Remove all."""
        await self.engine.down()

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()

        def listen() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and so has all that we did for it
                try:
                    for event in self.engine.events():
                        loop.call_soon_threadsafe(self._hear, event)
                except Exception as error:  # noqa: BLE001 - whatever it was: nobody may take silence for health
                    loop.call_soon_threadsafe(self._around.failed, error)

        threading.Thread(target=listen, name="engine-events", daemon=True).start()

    def _hear(self, event: dict[str, Any]) -> None:
        attributes = event["Actor"]["Attributes"]
        service = self._around.services.get(attributes.get("com.docker.compose.service", ""))
        if isinstance(service, Container):
            service.hear(event["Action"], event["Actor"]["ID"], attributes)


class Container(Life):
    """One service that is a container. All methods but the log's run in the supervisor's event loop."""

    def __init__(self, plan: ServicePlan, around: Surroundings, containers: Containers) -> None:
        super().__init__(plan, around)
        self._containers = containers
        self._engine = containers.engine
        self._id = ""
        self._pid: int | None = None
        self._restarts = 0
        self._health = "starting" if plan.health else None
        self._out_of_memory = False
        self._asked = ""
        self._next: asyncio.Task[None] | None = None
        self._members: tuple[float, list[int]] = (0.0, [])

    # What it is

    @property
    def pid(self) -> int | None:
        """Its main process, as this machine numbers it; None when there is none."""
        return self._pid

    def describe(self, *, measured: bool = True) -> ServiceState:
        """Return how it stands now; `measured` tells whether to look how much memory it uses."""
        return ServiceState(
            name=self.plan.name,
            state=self.state,
            health=self._health,
            pid=self._pid,
            restarts=self._restarts,
            exit_code=self.exit_code,
            since_ns=self._since_ns,
            rss_bytes=self.rss() if measured else 0,
            reason=self._reason,
        )

    def rss(self) -> int:
        """Return the resident memory of all its processes in bytes."""
        if self._pid is None:
            return 0
        looked, members = self._members
        if time.monotonic() - looked > 1.0:
            with contextlib.suppress(psutil.Error):
                top = psutil.Process(self._pid)
                members = [top.pid, *(child.pid for child in top.children(recursive=True))]
            self._members = (time.monotonic(), members)
        return processes.resident(members)

    def enforce_memory_limit(self) -> None:
        """Leave it to the kernel: the engine has set the limit."""

    # What it does by itself

    def begin(self) -> None:
        """Come up with all others once the exchange is there."""
        self._next = asyncio.create_task(self._begin())
        self._next.add_done_callback(self._surface)

    async def _begin(self) -> None:
        exchange = self._around.services.get(EXCHANGE)
        await self._around.timeline.until(lambda: exchange is None or exchange.is_ready)
        try:
            await self._containers.up()
        except StackError as error:
            log = self._around.folder / "logs" / f"{self.plan.name}.log"
            log.write_text(f"{error}\n", encoding="utf-8")  # where whoever asks why looks first
            self.exit_code = 1
            self._become("exited", str(error))
            self._note("died", exit_code=1, detail=str(error))

    def _surface(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()):
            self._around.failed(error)

    def hear(self, action: str, identity: str, attributes: Mapping[str, str]) -> None:
        """Take an event of the engine's."""
        if action == "create":
            self._id = identity
        elif identity != self._id:
            return  # of the container before this one
        elif action == "start":
            self._has_started()
        elif action == "die":
            self._has_ended(int(attributes.get("exitCode", "0")))
        elif action == "oom":
            self._out_of_memory = True
            self._note("oom", detail="out of memory")
        elif action in ("pause", "unpause"):
            self._become("paused" if action == "pause" else "running")
            self._note("paused" if action == "pause" else "resumed")
        elif action.startswith("health_status: "):
            self._health = action.removeprefix("health_status: ")
            self._note(self._health)

    def _has_started(self) -> None:
        again = self._started_once
        self._started_once, self._stopping, self._out_of_memory = True, False, False
        self.exit_code, self._members = None, (0.0, [])
        self._health = "starting" if self.plan.health else None
        self._become("running")
        if again and not self._asked:
            self._restarts += 1
            self._note("restarted", detail=f"by its restart policy, restart {self._restarts}")
        elif again:
            self._restarts = 0
            self._note("restarted", detail=self._asked)
        self._asked = ""
        with contextlib.suppress(Exception):  # it may be gone by now; the next event tells
            self._pid = int(self._engine.client.api.inspect_container(self._id)["State"]["Pid"]) or None
        self._note("started")
        threading.Thread(
            target=self._keep_log, args=(self._id, time.time()), name=f"log-{self.plan.name}", daemon=True
        ).start()

    def _has_ended(self, exit_code: int) -> None:
        pid, self._pid, self.exit_code = self._pid, None, exit_code
        words = processes.in_words(exit_code)
        if self._stopping:
            self._become("exited", f"stopped ({words})")
            self._note("stopped", pid=pid, exit_code=exit_code)
            return
        why = f"{words}, out of memory" if self._out_of_memory else words
        policy = self.plan.restart.policy
        again = policy in ("always", "unless-stopped") or (policy == "on-failure" and exit_code != 0)
        self._become("restarting" if again else "exited", why)
        self._note("died", pid=pid, exit_code=exit_code, detail=why)

    def _keep_log(self, identity: str, since: float) -> None:
        """Copy what it writes until it ends; its own thread."""
        path = self._around.folder / "logs" / f"{self.plan.name}.log"
        with contextlib.suppress(Exception), path.open("ab", buffering=0) as log:  # the container is gone
            stream = self._engine.client.api.logs(
                identity, stream=True, follow=True, stdout=True, stderr=True, since=since - 1.0
            )
            for line in stream:
                log.write(line)

    # What it is told to do

    async def start(self) -> None:
        """Start it by hand."""
        if self._pid is not None:
            raise StackError(f"{self.plan.name} runs already.")
        began = len(self._around.timeline.events)
        self._asked = "by request"
        await self._do("start")
        await self._heard("started", since=began)

    async def stop(self, grace: float | None = None) -> None:
        """Stop it: its stop signal, and after the grace period SIGKILL. No restart policy starts it again."""
        if self._next and not self._next.done():
            await asyncio.wait([self._next])
        if self.state == "exited" or not self._id:
            return
        self._stopping = True
        if self.state == "paused":
            await self._do("unpause")
        seconds = self.plan.stop_grace if grace is None else grace
        await self._do("stop", timeout=max(round(seconds), 1))
        if self._pid is None and self.state != "exited":  # between two runs: nothing is there that could end
            self._become("exited", "stopped")
            self._note("stopped")
        await self._until(lambda: self.state == "exited")

    async def kill(self) -> None:
        """Kill it from outside, as a crash would: its restart policy applies."""
        if self._pid is None:
            raise StackError(f"{self.plan.name} does not run ({self._reason or self.state}).")
        events = len(self._around.timeline.events)
        try:
            os.kill(self._pid, signal.SIGKILL)
        except ProcessLookupError:  # it has just ended by itself
            pass
        except (
            PermissionError
        ):  # somebody else's: all of its processes but the first, which ends when they do
            await self._do("exec_run", ["python", "-c", "import os; os.kill(-1, 9)"])
        await self._heard("died", since=events)

    async def restart(self, override: Override | None) -> None:
        """Stop it and start it again; with another command or environment from a new container."""
        before = self._override
        await self.stop()
        self._override = override
        if override is None and before is None:
            await self.start()
            return
        keys: dict[str, object] = {}
        if override and override.command:
            keys["command"] = list(override.command)
        if override and override.environment:
            keys["environment"] = dict(override.environment)
        began = len(self._around.timeline.events)
        self._asked = "by request"
        await self._engine.recreate(self.plan.name, keys)
        await self._heard("started", since=began)

    async def pause(self) -> None:
        """Freeze it; its health is not checked meanwhile."""
        if self.state != "paused":
            await self._do("pause")
            await self._until(lambda: self.state == "paused")

    async def resume(self) -> None:
        """Let it go on after a pause."""
        if self._pid is None:
            raise StackError(f"{self.plan.name} does not run ({self._reason or self.state}).")
        if self.state == "paused":
            await self._do("unpause")
            await self._until(lambda: self.state == "running")
            if self._health is not None:
                self._health = "starting"  # what was known before the pause is old
                self._next = asyncio.create_task(self._look_anew(time.time()))
                self._next.add_done_callback(self._surface)

    async def _look_anew(self, since: float) -> None:
        """Take the result of the first health check after a moment: the engine tells of changes only."""
        while self.state == "running" and self._health == "starting":
            health = await asyncio.to_thread(self._engine.health, self.plan.name)
            if health.checked >= since and health.status != "starting":
                self._health = health.status
                self._note(health.status)
            await asyncio.sleep(_LOOK_EVERY)

    # Small parts

    async def _do(self, what: str, *words: Any, **options: Any) -> None:  # noqa: ANN401 - the SDK's own
        await self._engine.do(self.plan.name, what, *words, **options)

    async def _heard(self, what: str, *, since: int) -> None:
        """Wait until the engine has said so: whoever looks next must not see how it stood before."""
        events = self._around.timeline.events
        await self._until(
            lambda: any((each.service, each.what) == (self.plan.name, what) for each in events[since:])
        )

    async def _until(self, true: Any) -> None:  # noqa: ANN401 - a condition
        try:
            async with asyncio.timeout(_HEARD_WITHIN):
                await self._around.timeline.until(true)
        except TimeoutError:
            raise StackError(
                f"{self.plan.name}: the engine did not say within {_HEARD_WITHIN:g} s that it was done."
            ) from None


_HEARD_WITHIN = 10.0
_LOOK_EVERY = 0.1
