"""The life of one service: wait, start, watch, stop, start again."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from tickproof.stack import checks, interpolation, processes
from tickproof.stack.children import Child
from tickproof.stack.errors import StackError
from tickproof.stack.health import Health
from tickproof.stack.life import Life, Override, Surroundings
from tickproof.stack.model import PREPARATION_FAILED, Probe, ServicePlan, ServiceState
from tickproof.stack.preparation import PreparationFailed, prepare
from tickproof.stack.restarts import RestartPolicy


class Service(Life):
    """One service that is a process of this machine."""

    def __init__(self, plan: ServicePlan, around: Surroundings) -> None:
        """Create the service; it does not run yet."""
        super().__init__(plan, around)
        self.health: Health | None = None
        self._policy = RestartPolicy(plan.restart)
        self._child: Child | None = None
        self._out_of_memory = ""
        self._next: asyncio.Task[None] | None = None
        self._monitor: asyncio.Task[None] | None = None
        self._members: tuple[float, list[int]] = (0.0, [])

    # What it is

    @property
    def pid(self) -> int | None:
        """Its main process; None when there is none."""
        return self._child.pid if self._child else None

    def describe(self, *, measured: bool = True) -> ServiceState:
        """Return how it stands now; `measured` tells whether to look how much memory it uses."""
        return ServiceState(
            name=self.plan.name,
            state=self.state,
            health=self.health.status if self.health else None,
            pid=self.pid,
            restarts=self._policy.count,
            exit_code=self.exit_code,
            since_ns=self._since_ns,
            rss_bytes=self.rss() if measured else 0,
            reason=self._reason or self._health_reason(),
            companion=self.plan.companion,
        )

    def rss(self) -> int:
        """Return the resident memory of all its processes in bytes."""
        if self._child is None:
            return 0
        looked, members = self._members
        if time.monotonic() - looked > 1.0:  # new processes are rare, and finding them costs a walk over all
            members = processes.members(self._child.pid)
            self._members = (time.monotonic(), members)
        return processes.resident(members)

    # What it does by itself

    def begin(self) -> None:
        """Prepare and start as soon as the services that it depends on allow it."""
        self._then(self._begin())

    async def _begin(self) -> None:
        if self.plan.prepare:
            around = self._around
            self._become("preparing")
            try:
                await prepare(
                    self.plan, around.variables, around.children, around.folder, self._note_preparing
                )
            except PreparationFailed as failure:
                self.exit_code = failure.exit_code
                self._become("exited", PREPARATION_FAILED)
                self._note("died", exit_code=failure.exit_code, detail=PREPARATION_FAILED)
                return
            self._become("created")
        needs = self.plan.depends_on.items()
        await self._around.timeline.until(
            lambda: all(self._around.services[name].fulfils(what) for name, what in needs)
        )
        self._launch()

    def _note_preparing(self, line: str) -> None:
        self._note("preparing", detail=line)

    def _launch(self) -> None:
        override, variables = self._override, self._around.variables
        data = self._around.folder / "data" / self.plan.name
        data.mkdir(parents=True, exist_ok=True)
        log = os.open(self.log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        own = {key: interpolation.fill(value, variables) for key, value in self.plan.environment.items()}
        command = override and override.command
        argv = command or tuple(interpolation.fill(word, variables) for word in self.plan.command)
        environment = {
            **processes.base_environment(self._around.folder),
            **own,
            **(override.environment if override else {}),
        }
        self.exit_code, self._stopping, self._out_of_memory, self._members = None, False, "", (0.0, [])
        self.health = Health(self.plan.health, time.monotonic()) if self.plan.health else None
        stdin = subprocess.PIPE if self.plan.companion else subprocess.DEVNULL
        try:
            process = processes.spawn(argv, environment=environment, folder=data, output=log, stdin=stdin)
        except OSError as error:
            os.write(log, f"{argv[0]} cannot be started: {error.strerror}\n".encode())
            self.exit_code = 127
            self._become("exited", f"{argv[0]} cannot be started: {error.strerror}")
            self._note("died", exit_code=127, detail=self._reason)
            return
        finally:
            os.close(log)
        self._child = self._around.children.add(process, self._ended)
        self._started_once = True
        self._become("running")
        self._note("started")
        self._watch_health()

    def _ended(self, child: Child) -> None:
        if child.process.stdin:
            child.process.stdin.close()
        _cancel(self._monitor)
        self._child, self.exit_code = None, child.exit_code
        words = processes.in_words(child.exit_code)
        if self._stopping:
            self._become("exited", f"stopped ({words})")
            self._note("stopped", pid=child.pid, exit_code=self.exit_code)
            return
        why = f"{words}, {self._out_of_memory}" if self._out_of_memory else words
        self._become("exited", why)
        self._note("died", pid=child.pid, exit_code=self.exit_code, detail=why)
        pause = (
            None
            if self._around.ending
            else self._policy.after_exit(child.exit_code, time.monotonic() - child.started)
        )
        if pause is not None:
            self._become("restarting", why)
            self._then(self._restart_after(pause))

    async def _restart_after(self, pause: float) -> None:
        await asyncio.sleep(pause)
        self._note(
            "restarted",
            detail=f"by its restart policy, restart {self._policy.count}, after a pause of {pause:g} s",
        )
        self._launch()

    def _watch_health(self) -> None:
        if self.plan.probe and self.health:
            self._monitor = self._task(self._watch(self.plan.probe, self.health))

    async def _watch(self, probe: Probe, health: Health) -> None:
        address = interpolation.fill(probe.address, self._around.variables)
        while True:
            await asyncio.sleep(health.pause(time.monotonic()))
            began = time.monotonic()
            answer = await checks.ask(probe, address, health.check.timeout)
            if answer.ok and probe.kind == "file" and health.status != "healthy":
                self._around.announced(Path(address))
            if health.note(ok=answer.ok, said=answer.said, at=began):
                self._note(health.status, detail=answer.said)

    def enforce_memory_limit(self) -> None:
        """Kill it when it uses more memory than its limit."""
        limit = self.plan.memory_limit
        if limit is None or self._child is None or (used := self.rss()) <= limit:
            return
        if not self._out_of_memory:
            self._out_of_memory = (
                f"out of memory: {used / 2**20:.0f} MiB used, {limit / 2**20:.0f} MiB allowed"
            )
            self._note("oom", detail=self._out_of_memory)
        self._child.signal_all(signal.SIGKILL)

    # What it is told to do

    async def start(self, *, note: str = "") -> None:
        """Start it by hand, whatever it depends on."""
        if self._child:
            raise StackError(f"{self.plan.name} runs already.")
        _cancel(self._next)
        self._policy.begin_anew()
        if note:
            self._note("restarted", detail=note)
        self._launch()

    async def stop(self, grace: float | None = None) -> None:
        """Stop it: its stop signal, and after the grace period SIGKILL. No restart policy starts it again."""
        _cancel(self._next)
        child = self._child
        if child is None:
            if self.state != "exited":
                self._become("exited", "stopped")
                self._note("stopped")
            return
        self._stopping = True
        child.signal(signal.Signals[self.plan.stop_signal])
        if self.state == "paused":
            child.signal_all(signal.SIGCONT)
        try:
            async with asyncio.timeout(self.plan.stop_grace if grace is None else grace):
                await child.gone.wait()
        except TimeoutError:
            child.signal_all(signal.SIGKILL)
            await child.gone.wait()

    async def kill(self) -> None:
        """Kill it as a crash would: its restart policy applies."""
        child = self._running()
        child.signal_all(signal.SIGKILL)
        await child.gone.wait()

    async def restart(self, override: Override | None) -> None:
        """Stop it and start it again, with another command or environment if so wanted."""
        await self.stop()
        self._override = override
        await self.start(note="by request")

    async def pause(self) -> None:
        """Freeze it; its health is not checked meanwhile, as in Docker."""
        child = self._running()
        if self.state == "paused":
            return
        _cancel(self._monitor)
        child.signal_all(signal.SIGSTOP)
        self._become("paused")
        self._note("paused")

    async def resume(self) -> None:
        """Let it go on after a pause."""
        child = self._running()
        if self.state != "paused":
            return
        child.signal_all(signal.SIGCONT)
        if self.plan.health:  # what was known before the pause is old
            self.health = Health(self.plan.health, time.monotonic())
        self._become("running")
        self._note("resumed")
        self._watch_health()

    # Small parts

    @property
    def log(self) -> Path:
        """The file that takes its output."""
        return self._around.folder / "logs" / f"{self.plan.name}.log"

    def _running(self) -> Child:
        if self._child is None:
            raise StackError(f"{self.plan.name} does not run ({self._reason or self.state}).")
        return self._child

    def _health_reason(self) -> str:
        return (
            self.health.said
            if self.state == "running" and self.health and self.health.status != "healthy"
            else ""
        )

    def _then(self, work: Coroutine[Any, Any, None]) -> None:
        self._next = self._task(work)

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._surface)
        return task

    def _surface(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._around.failed(error)


def _cancel(task: asyncio.Task[None] | None) -> None:
    if task and task is not asyncio.current_task():
        task.cancel()
