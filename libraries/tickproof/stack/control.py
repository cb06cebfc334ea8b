"""The supervisor's control socket: one JSON object a line asks, one answers.

{"do": "stop", "service": "writer"}  ->  {"ok": true}
{"do": "kill", "service": "wirter"}  ->  {"ok": false, "error": "There is no service wirter; services: ..."}
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tickproof.stack.errors import StackError
from tickproof.stack.life import Life, Override

if TYPE_CHECKING:
    from tickproof.stack.supervisor import Supervisor

Reply = dict[str, Any]


class Control:
    """Answers requests on behalf of a supervisor."""

    def __init__(self, supervisor: "Supervisor") -> None:
        """Serve a supervisor."""
        self._supervisor = supervisor
        self._replies: set[asyncio.Task[None]] = set()
        self._orders: dict[str, Callable[[Reply], Awaitable[Reply]]] = {
            "about": self._about,
            "status": self._status,
            "events": self._events,
            "variables": self._variables,
            "keep": self._keep,
            "lend": self._lend,
            "down": self._down,
            "start": self._start,
            "stop": self._stop,
            "kill": self._kill,
            "restart": self._restart,
            "pause": self._pause,
            "resume": self._resume,
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it closes, which is noticed while an answer is awaited, too."""
        try:
            while line := await reader.readline():
                task = asyncio.create_task(self._reply(line, writer))
                self._replies.add(task)
                task.add_done_callback(self._replies.discard)
        except (ConnectionError, ValueError):  # gone, or a line longer than any request
            return
        finally:
            writer.transport.abort()

    async def _reply(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps(await self._answer(line)).encode() + b"\n")

    async def _answer(self, line: bytes) -> Reply:
        try:
            request = json.loads(line)
            order = self._orders[request["do"]]
        except (ValueError, KeyError, TypeError):
            return {
                "ok": False,
                "error": f"The stack takes no such order; it knows: {', '.join(self._orders)}.",
            }
        try:
            return {"ok": True, **await order(request)}
        except StackError as error:
            return {"ok": False, "error": str(error)}

    async def _about(self, _: Reply) -> Reply:
        about = self._supervisor
        return {"digest": about.plan.digest, "kept": about.kept or about.lent}

    async def _status(self, _: Reply) -> Reply:
        return {"services": [asdict(service.describe()) for service in self._supervisor.services.values()]}

    async def _events(self, request: Reply) -> Reply:
        """Return events after number `since`; wait up to `wait` seconds for the first."""
        since, timeline = int(request["since"]), self._supervisor.timeline
        try:
            async with asyncio.timeout(float(request["wait"])):
                await timeline.until(lambda: len(timeline.events) > since)
        except TimeoutError:
            pass
        return {
            "events": [asdict(event) for event in timeline.events[since:]],
            "ready": self._supervisor.is_ready,
        }

    async def _variables(self, _: Reply) -> Reply:
        plan = self._supervisor.plan
        return {
            "variables": self._supervisor.variables,
            "secrets": plan.secrets,
            "stop_grace": {service.name: service.stop_grace for service in plan.services},
        }

    async def _keep(self, _: Reply) -> Reply:
        self._supervisor.keep()
        return {}

    async def _lend(self, _: Reply) -> Reply:
        self._supervisor.lent = True
        return {}

    async def _down(self, _: Reply) -> Reply:
        """Begin to end; tell how long that may take."""
        services = self._supervisor.services.values()
        self._supervisor.end()
        return {"within": sum(service.plan.stop_grace for service in services)}

    async def _start(self, request: Reply) -> Reply:
        await self._service(request).start()
        return {}

    async def _stop(self, request: Reply) -> Reply:
        await self._service(request).stop()
        return {}

    async def _kill(self, request: Reply) -> Reply:
        await self._service(request).kill()
        return {}

    async def _restart(self, request: Reply) -> Reply:
        command, environment = request.get("command"), request.get("environment")
        override = None
        if command is not None or environment is not None:
            override = Override(tuple(command) if command else None, environment or {})
        await self._service(request).restart(override)
        return {}

    async def _pause(self, request: Reply) -> Reply:
        await self._service(request).pause()
        return {}

    async def _resume(self, request: Reply) -> Reply:
        await self._service(request).resume()
        return {}

    def _service(self, request: Reply) -> Life:
        services = self._supervisor.services
        if self._supervisor.is_ending:
            raise StackError("The stack goes down.")
        name = request.get("service")
        if name not in services:
            raise StackError(f"There is no service {name}; services: {', '.join(services)}.")
        return services[name]
