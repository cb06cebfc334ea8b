"""Brings a stack up: starts its supervisor and waits until all services are ready, or one cannot be."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tickproof.stack import ending, failure, folders, processes, wire
from tickproof.stack.errors import StackError
from tickproof.stack.model import PREPARATION_FAILED, ServiceState, StackEvent, StackPlan

Progress = Callable[[str], None]
_ASK_AGAIN = 5.0


class Run:
    """A stack on its way up: its folder, and the line to its supervisor that ties it to this process."""

    def __init__(self, name: str) -> None:
        self.folder, self._lock = folders.new_run(name)
        self.line: wire.Line
        self._name = name
        self._is_launched = False

    def launch(self, plan: StackPlan, descriptors: tuple[int, ...]) -> None:
        """Start the supervisor: it inherits the run's lock and the locks of the ports."""
        folders.write_json(self.folder / "plan.json", plan.to_json())
        ours, its = socket.socketpair()
        with (self.folder / "logs" / "supervisor.log").open("wb") as log:
            ending.supervisors[self.folder] = subprocess.Popen(
                [sys.executable, "-m", "tickproof.stack.supervisor", str(self.folder)],
                env={**os.environ, processes.MARK: str(self.folder)},
                stdin=its.fileno(),
                stdout=log,
                stderr=log,
                pass_fds=(self._lock, *descriptors),
                start_new_session=True,
            )
        its.close()
        os.close(self._lock)
        self._is_launched = True
        self.line = wire.Line(ours, self._name)

    def wait_ready(self, plan: StackPlan, progress: Progress, within: float) -> None:
        """Wait until all services are ready; fail as soon as one cannot become so.

        Args:
            plan: what was launched.
            progress: called with a line of text for each step.
            within: seconds for all services; while one is prepared they do not run.
        """
        began = time.monotonic()
        deadline = began + within
        last, ready = 0, False
        while not ready:
            left = deadline - time.monotonic()
            if left <= 0:
                self._fail(plan, None, f"it is not ready after {within:g} s")
            answer = self._hear(last, min(left, _ASK_AGAIN), plan)
            ready = answer["ready"]
            for event in (StackEvent(**each) for each in answer["events"]):
                last = event.n
                if event.what == "preparing":
                    deadline = time.monotonic() + within
                self._follow(event, plan, progress, f"after {time.monotonic() - began:.1f} s")

    def _hear(self, since: int, wait: float, plan: StackPlan) -> dict[str, Any]:
        try:
            return self.line.ask("events", since=since, wait=wait)
        except wire.SupervisorGone:
            said = failure.tail(self.folder / "logs" / "supervisor.log", 3, plan.secrets)
            raise StackError(
                f"The supervisor of stack {self._name} ended: {' '.join(said) or 'it said nothing'}"
            ) from None

    def _follow(self, event: StackEvent, plan: StackPlan, progress: Progress, after: str) -> None:
        if event.what == "preparing":
            progress(f"{event.service}: {event.detail}")
        elif event.what == "started":
            progress(f"{event.service} started {after}")
        elif event.what == "healthy":
            progress(f"{event.service} is healthy {after}")
        elif event.what == "unhealthy":
            self._fail(plan, event, f"it became unhealthy {after}")
        elif event.what == "died" and not self._done(plan, event):
            self._fail(
                plan,
                event,
                f"{PREPARATION_FAILED if event.detail == PREPARATION_FAILED else 'it ended'} {after}",
            )

    @staticmethod
    def _done(plan: StackPlan, event: StackEvent) -> bool:
        """Whether a service has ended well that only has a task to do."""
        service = next(service for service in plan.services if service.name == event.service)
        return event.exit_code == 0 and service.health is None

    def _fail(self, plan: StackPlan, event: StackEvent | None, waited: str) -> None:
        states = [ServiceState(**service) for service in self.line.ask("status")["services"]]
        blamed = (state for state in states if (state.name == event.service if event else not state.is_well))
        late = next(blamed, states[-1])
        if event and event.exit_code is not None:  # its restart policy may have started it again meanwhile
            late = replace(late, state="exited", exit_code=event.exit_code, reason=event.detail)
        log = self.folder / "logs" / f"{late.name}.log"
        raise StackError(failure.did_not_start(late, log, failure.tail(log, 20, plan.secrets), waited=waited))

    def let_go(self) -> None:
        """Let the stack outlive this process."""
        self.line.ask("keep")
        self.line.close()

    def abandon(self) -> None:
        """Leave nothing behind."""
        if not self._is_launched:
            os.close(self._lock)
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        self.line.close()
        ending.end(self.folder, ending.AT_LEAST)

    def close(self) -> None:
        """Close the line to a supervisor that has ended."""
        self.line.close()
