"""The stack as a run sees it: bring it up, look at it, disturb it, take it down."""

import contextlib
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from tickproof.stack import ending, failure, folders, holding, planning, timeline, wire
from tickproof.stack.errors import StackError, StackInputError
from tickproof.stack.model import ServiceState, StackEvent
from tickproof.stack.ports import Ports
from tickproof.stack.spec import StackSpec, of_target
from tickproof.stack.starting import Progress, Run

if TYPE_CHECKING:
    from tickproof.target import Target


def _silent(_: str) -> None:
    """Show no progress."""


class Stack:
    """A running stack.

    Attributes:
        name: of its target.
        folder: the run's folder: logs/, events.jsonl, stack.json.
        kept: whether it outlives the run that started it.
    """

    def __init__(self, folder: Path, *, kept: bool, run: "Run | None" = None) -> None:
        """Reach a running stack; use `up` or `find` to get one."""
        self.name = folders.name_of(folder)
        self.folder = folder
        self.kept = kept
        self._run = run

    @classmethod
    def up(
        cls,
        target: Union["Target", StackSpec],
        *,
        keep: bool = False,
        lend: bool = False,
        progress: Progress = _silent,
        within: float = 60.0,
        environment: Mapping[str, str] | None = None,
        seed: Path | None = None,
    ) -> "Stack":
        """Start a stack and wait until all of it is ready.

        Args:
            target: what to start.
            keep: whether it stays when this process ends. A kept stack that runs already is taken as it is.
                Otherwise the stack ends with this process, however that ends.
            lend: whether runs find it as they find a kept one, although it ends with this process.
            progress: called with a line of text for each step.
            within: seconds for all services to become ready; preparing them does not count.
            environment: further variables, before the target's own.
            seed: a folder whose content the services find in STATE_DIR.

        Raises:
            StackInputError: the compose file or a setting is wrong; nothing was started.
            StackError: a service ended, became unhealthy or was not ready in time; nothing is left running.
        """
        spec = of_target(target)
        spec = replace(spec, environment={**spec.environment, **(environment or {})})
        folders.make_usable(folders.state_folder(), "TICKPROOF_STATE_DIR")
        folders.make_usable(folders.cache_folder(), "TICKPROOF_CACHE_DIR")
        if not keep:
            return cls._start(spec, keep=False, lend=lend, progress=progress, within=within, seed=seed)
        lock = folders.state_folder() / f"keep-{spec.name}.lock"
        with folders.only_one(lock, lambda: progress("waiting for another start of the same stack")):
            return cls.find(spec) or cls._start(spec, keep=True, progress=progress, within=within, seed=seed)

    @classmethod
    def find(cls, target: Union["Target", StackSpec, str]) -> "Stack | None":
        """Return the kept stack of a target, or None where none runs.

        Args:
            target: what the stack must have been started from, or only its name.

        Raises:
            StackInputError: it was started from another compose file or other settings than are there now.
            StackError: it runs, but its supervisor cannot be reached.
        """
        name = target if isinstance(target, str) else target.name
        for folder in reversed(folders.runs()):
            if folders.name_of(folder) != name or not folders.is_alive(folder):
                continue
            try:
                about = wire.ask(folder, name, "about")
            except wire.SupervisorGone:
                if folders.is_young(folder) or not folders.is_alive(folder):
                    continue
                raise StackError(
                    f"Stack {name} runs, but {folder} is damaged and it cannot be reached; "
                    f"end it with `tickproof down --target {name}`."
                ) from None
            if not about["kept"]:
                continue
            if not isinstance(target, str) and about["digest"] != planning.draft(of_target(target)).digest:
                raise StackInputError(
                    f"The kept stack {name} was started from another compose file or other settings than "
                    f"there are now; end it with `tickproof down --target {name}` and start again."
                )
            return cls(folder, kept=True)
        return None

    @classmethod
    def end(cls, name: str) -> bool:
        """End the kept stack of a name, and any of that name that lives but cannot be asked.

        Returns:
            Whether one has ended.

        Raises:
            StackError: one cannot be ended.
        """
        ended = False
        for folder in folders.runs():
            if folders.name_of(folder) != name or not folders.is_alive(folder):
                continue
            try:
                if not wire.ask(folder, name, "about")["kept"]:
                    continue
            except wire.SupervisorSilent:
                ending.end(folder, 0)
            except wire.SupervisorGone:
                if folders.is_young(folder) or not folders.is_alive(folder):
                    continue
                ending.end(folder, 0)
            else:
                cls(folder, kept=True).down()
            ended = True
        return ended

    @classmethod
    def _start(
        cls,
        spec: StackSpec,
        *,
        keep: bool,
        progress: Progress,
        within: float,
        seed: Path | None,
        lend: bool = False,
    ) -> "Stack":
        draft = planning.draft(spec)
        for sentence in folders.clean():
            progress(sentence)
        run = Run(spec.name)
        try:
            ports = Ports()
            try:
                plan = planning.plan(draft, run.folder, folders.cache_folder(), ports)
                if seed:
                    shutil.copytree(seed, run.folder / "data", dirs_exist_ok=True)
                run.launch(plan, ports.descriptors)
            finally:
                ports.release()
            run.wait_ready(plan, progress, within)
            stack = cls(run.folder, kept=keep, run=None if keep else run)
            stack.__dict__["_told"] = run.line.ask("variables")
            if keep:
                run.let_go()
            elif lend:
                run.line.ask("lend")
        except BaseException:
            run.abandon()
            raise
        return stack

    # Looking

    def status(self) -> list[ServiceState]:
        """Return how each service stands, in the compose file's order; the simulated exchange comes first."""
        return [ServiceState(**service) for service in self._ask("status")["services"]]

    def events(self, since: int = 0) -> list[StackEvent]:
        """Return the timeline, after event number `since`. It can be read when the stack is gone, too."""
        return timeline.read(self.folder / "events.jsonl")[since:]

    def wait_event(self, service: str, what: str, *, since: int = 0, within: float) -> StackEvent:
        """Wait for an event.

        Args:
            service: to which service.
            what: died, healthy, ...
            since: only events after this number count.
            within: seconds to wait.

        Raises:
            StackError: it did not happen in time.
        """
        deadline, last = time.monotonic() + within, since
        while (left := deadline - time.monotonic()) > 0:
            for event in self._events(last, left):
                last = event.n
                if (event.service, event.what) == (service, what):
                    return event
        told = [f"{event.service} {event.what}" for event in self.events(since) if event.what != "preparing"]
        seen = ", ".join(told[-5:]) or "none"
        raise StackError(f"{service}: no event `{what}` came within {within:g} s; those that came: {seen}.")

    def wait_healthy(self, services: Sequence[str] | None = None, *, within: float) -> None:
        """Wait until services are healthy; one without a health check until it runs.

        Args:
            services: their names; None means all.
            within: seconds to wait.

        Raises:
            StackError: one is not in time, or has ended for good.
        """
        deadline, last = time.monotonic() + within, len(self.events())
        while True:
            states = {state.name: state for state in self.status()}
            for name in services or ():
                if name not in states:
                    raise StackError(f"There is no service {name}; services: {', '.join(states)}.")
            waiting = [states[name] for name in services or states if not states[name].is_well]
            if not waiting:
                return
            left = deadline - time.monotonic()
            dead = next((state for state in waiting if state.state == "exited"), None)
            if dead or left <= 0:
                late = dead or waiting[0]
                waited = "it has ended" if dead else f"it is not healthy after {within:g} s"
                raise StackError(
                    failure.did_not_start(late, self._log(late.name), self.log_tail(late.name), waited=waited)
                )
            last = max([last, *(event.n for event in self._events(last, left))])

    def log_tail(self, service: str, lines: int = 20) -> list[str]:
        """Return the last lines that a service wrote, secrets made unreadable."""
        return failure.tail(self._log(service), lines, self.secrets)

    @property
    def variables(self) -> dict[str, str]:
        """What the compose file's templates were filled with. It holds the API keys: never show it."""
        return dict(self._told["variables"])

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secret values among the variables, for redaction."""
        return tuple(self._told["secrets"])

    @property
    def exchange_control_url(self) -> str | None:
        """Where the simulated exchange takes orders; None where the stack has none."""
        return self.variables.get("EXCHANGE_CONTROL_URL")

    # Disturbing

    def kill(self, service: str) -> None:
        """Kill a service as a crash would; its restart policy applies."""
        self._ask("kill", service=service)

    def stop(self, service: str) -> None:
        """Stop a service with its stop signal, and after its grace period by force. It stays stopped."""
        self._ask("stop", service=service, wait=self._grace(service))

    def start(self, service: str) -> None:
        """Start a service that was stopped or has ended."""
        self._ask("start", service=service)

    def restart(
        self,
        service: str,
        *,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Stop a service and start it again.

        Args:
            service: its name.
            command: run this instead of its own command; it stays so until the next restart without it.
            environment: variables on top of its own, as long.
        """
        told = {
            "command": list(command) if command else None,
            "environment": dict(environment) if environment else None,
        }
        self._ask("restart", service=service, wait=self._grace(service), **told)

    def pause(self, service: str) -> None:
        """Freeze a service."""
        self._ask("pause", service=service)

    def resume(self, service: str) -> None:
        """Let a frozen service go on."""
        self._ask("resume", service=service)

    @contextmanager
    def hold(self, *, exclusive: bool, within: float = 600.0, progress: Progress = _silent) -> Iterator[None]:
        """Hold the stack while a block runs: shared with others, or alone.

        Args:
            exclusive: whether nobody else may hold it meanwhile.
            within: seconds to wait for the others.
            progress: told when the others let one wait.

        Raises:
            StackError: the others did not let go in time.
        """
        with holding.hold(self.folder, exclusive=exclusive, within=within, progress=progress):
            yield

    # Ending

    def down(self) -> None:
        """Stop all services and remove their data; logs and timeline stay in the folder."""
        within = ending.AT_LEAST
        with contextlib.suppress(wire.SupervisorGone, wire.SupervisorSilent):
            self.secrets  # noqa: B018 - logs are read without secrets afterwards, too
            within += self._ask("down")["within"]
        ending.end(self.folder, within)
        if self._run:
            self._run.close()

    # Small parts

    @cached_property
    def _told(self) -> dict[str, Any]:
        return self._ask("variables")

    def _grace(self, service: str) -> float:
        """Return how long a service may take to stop, in seconds; of an unknown one the supervisor will tell."""
        return float(self._told["stop_grace"].get(service, 0))

    def _ask(self, do: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
        return wire.ask(self.folder, self.name, do, **arguments)

    def _events(self, since: int, wait: float) -> list[StackEvent]:
        return [StackEvent(**event) for event in self._ask("events", since=since, wait=wait)["events"]]

    def _log(self, service: str) -> Path:
        return self.folder / "logs" / f"{service}.log"
