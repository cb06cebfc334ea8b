"""The process that owns a stack's services: `python -m tickproof.stack.supervisor FOLDER`.

It starts them in order, watches them, and takes orders on a Unix socket. Its standard input is a socket to
the run that started it: when that run is gone, so is the stack, unless it was told to keep it.
"""

import asyncio
import json
import os
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from tickproof.stack import folders, processes
from tickproof.stack.children import Children
from tickproof.stack.control import Control
from tickproof.stack.life import Life, Surroundings
from tickproof.stack.model import ServicePlan, StackPlan
from tickproof.stack.service import Service
from tickproof.stack.timeline import Timeline

if TYPE_CHECKING:
    from tickproof.stack.docker.container import Containers

_MEMORY_EVERY = 0.1
_GRACE_ABANDONED = 1.0


class Supervisor:
    """Runs a plan until it is told to end, or the run that started it is gone."""

    def __init__(self, folder: Path, plan: StackPlan) -> None:
        """Create the services; nothing runs yet."""
        self.folder = folder
        self.plan = plan
        self.kept = False
        self.lent = False
        self.over = asyncio.Event()
        self.timeline = Timeline(folder / "events.jsonl")
        self.variables = dict(plan.variables)
        self.services: dict[str, Life] = {}
        self._around = Surroundings(
            folder, self.variables, self.timeline, Children(), self.services, self._failed, self._announced
        )
        self._containers = self._of_docker(plan)
        for service in plan.services:
            self.services[service.name] = self._made(service)
        self._grace: float | None = None

    def _of_docker(self, plan: StackPlan) -> "Containers | None":
        if plan.containers is None:
            return None
        from tickproof.stack.docker.container import Containers  # noqa: PLC0415 - the SDK is there for Docker only
        from tickproof.stack.docker.engine import Engine  # noqa: PLC0415 - same

        return Containers(Engine(self.folder, Path(plan.containers), self.variables), self._around)

    def _made(self, plan: ServicePlan) -> Life:
        if self._containers is None or plan.companion:
            return Service(plan, self._around)
        from tickproof.stack.docker.container import Container  # noqa: PLC0415 - same

        return Container(plan, self._around, self._containers)

    @property
    def is_ready(self) -> bool:
        """Whether all services are."""
        return all(service.is_ready for service in self.services.values())

    @property
    def is_ending(self) -> bool:
        """Whether the stack goes down."""
        return self._around.ending

    async def run(self) -> None:
        """Run the stack until it is over; leave no process and no data behind."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self.end)
        control = Control(self)
        server = await asyncio.start_unix_server(control.serve, path="control.sock")
        self.tell()
        run = asyncio.create_task(self._serve_run(control))
        memory = asyncio.create_task(self._watch_memory())
        for service in self.services.values():
            service.begin()
        await self.over.wait()
        self._around.ending = True
        memory.cancel()
        await self._stop_all()
        if self._containers:
            await self._containers.down()
        server.close()
        run.cancel()
        self.timeline.close()
        processes.reap(self.folder)
        folders.clear(self.folder)

    def end(self, grace: float | None = None) -> None:
        """Begin to end.

        Args:
            grace: seconds after which a service that does not stop is killed; None: as the compose file says.
        """
        if not self.over.is_set():
            self._grace = grace
            self.over.set()

    def keep(self) -> None:
        """Outlive the run that started the stack."""
        self.kept = True
        self.tell()

    def tell(self) -> None:
        """Write what others may know: where things are, and nothing secret."""
        secret = self.plan.secrets
        known = {
            name: value for name, value in self.variables.items() if not any(word in value for word in secret)
        }
        data = {
            "name": self.plan.name,
            "digest": self.plan.digest,
            "kept": self.kept,
            "supervisor": os.getpid(),
            "variables": known,
        }
        folders.write_json(self.folder / "stack.json", data)

    async def _serve_run(self, control: Control) -> None:
        reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=0))
        await control.serve(reader, writer)
        if not self.kept:
            self.end(_GRACE_ABANDONED)

    def _announced(self, path: Path) -> None:
        """Take over the addresses that the exchange chose, before any service that needs them starts."""
        told = json.loads(path.read_text(encoding="utf-8"))
        self.variables.update(
            {f"EXCHANGE_{name.upper()}": str(value) for name, value in told.items() if name != "pid"}
        )
        self.tell()

    async def _watch_memory(self) -> None:
        while True:
            await asyncio.sleep(_MEMORY_EVERY)
            for service in self.services.values():
                service.enforce_memory_limit()

    async def _stop_all(self) -> None:
        """Stop every service once those that depend on it have ended; all at once when in a hurry."""
        hurried = self._grace is not None
        users = {
            name: [user for user in self.services.values() if name in user.plan.depends_on]
            for name in self.services
        }
        ended: dict[str, asyncio.Event] = {name: asyncio.Event() for name in self.services}

        async def stop(name: str) -> None:
            if not hurried:
                for user in users[name]:
                    await ended[user.plan.name].wait()
            grace = self.services[name].plan.stop_grace
            await self.services[name].stop(grace if self._grace is None else min(grace, self._grace))
            ended[name].set()

        await asyncio.gather(*(stop(name) for name in self.services))

    def _failed(self, error: BaseException) -> None:
        traceback.print_exception(error)
        self.end()


async def _main(folder: Path) -> None:
    plan_file = folder / "plan.json"
    plan = StackPlan.from_json(json.loads(plan_file.read_text(encoding="utf-8")))
    plan_file.unlink()
    await Supervisor(folder, plan).run()


if __name__ == "__main__":
    _folder = Path(sys.argv[1])
    os.chdir(_folder)
    asyncio.run(_main(_folder))
