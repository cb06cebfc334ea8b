"""Keywords that harm whole services as operators know it, and see that they are found ill, heal, and end well."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import psutil
from robot.api import logger
from robot.api.deco import keyword, library

from tickproof import session, striking
from tickproof.clock import now_ns
from tickproof.misuse import at_least, some
from tickproof.stack import ServiceState, Stack, StackError, StackEvent
from tickproof.verdicts import Void
from tickproof.waiting import WaitError, patiently

_NANO = 1_000_000_000
_GROWS = """
import time
kept = []
while len(kept) * 16 < {mb}:
    kept.append(b"x" * (16 << 20))
    time.sleep(0.02)
time.sleep(600)
"""
_CRASHES = ["python", "-c", "raise SystemExit(3)"]
_LOOK = timedelta(milliseconds=50)
_GROWTH = 0.15
"""Seconds by which the last pause of a crash loop must be longer than the first; an engine's own time blurs both."""


@library(scope="GLOBAL")
class Recovery:
    """Faults of whole services. Each is proved by the stack's timeline; one that had no effect is VOID.

    Example:
    | Start Sending Trades    3600    per_second=1500
    | Pause And Resume Service    kafka    lasting=5 s
    | Finish Sending Trades
    | Hops Should Hold Every Trade
    """

    @keyword
    def pause_and_resume_service(
        self, service: str, *, lasting: timedelta, recovers_within: timedelta = timedelta(seconds=30)
    ) -> None:
        """Freeze a service for a while and let it go on; under a flow, once that is well under way.

        Args:
            service: Its name in the compose file.
            lasting: For how long.
            recovers_within: Budget from its going on until all services are healthy.

        Raises:
            Void: It did not freeze.
            AssertionError: One service is not healthy in time.
        """
        stack = striking.stack_with(service)
        at_least("The seconds of a pause", lasting.total_seconds(), 0.1)
        flow = striking.flow_under_way()
        striking.mark(service)
        with striking.brought_back(stack, service):
            stack.pause(service)
            paused = striking.expect(service, "paused", within=timedelta(seconds=5))
            striking.struck(flow, paused)
            _pass(stack, service, lasting)
        resumed = striking.expect(service, "resumed", within=timedelta(seconds=5))
        _wait_well(stack, service, "resumed", _deadline(recovers_within))
        logger.info(f"{service} was paused for {(resumed.at_ns - paused.at_ns) / _NANO:.1f} s.")

    @keyword
    def frozen_services_should_be_found_unhealthy(
        self, *services: str, within: timedelta, recovers_within: timedelta
    ) -> None:
        """Freeze services behind the back of whoever watches them (SIGSTOP); see that each is found unhealthy.

        A frozen process keeps its port, and the kernel takes connections for it: only a check that wants an answer
        notices.

        Args:
            services: Their names; all are frozen at the same time.
            within: Budget until each is unhealthy.
            recovers_within: Budget from their going on until all services are healthy.

        Raises:
            Void: One did not freeze.
            AssertionError: One is called healthy all the time, or does not recover.
        """
        some("service", services)
        stack = striking.stack_with(*services)
        for name in services:
            striking.mark(name)
        before = stack.events()[-1].n
        began, deadline = time.monotonic(), _deadline(within)
        with _frozen(stack, services):
            for name in services:
                try:
                    found = stack.wait_event(name, "unhealthy", since=before, within=_left(deadline))
                except StackError as error:
                    raise AssertionError(
                        f"{name} should be found unhealthy within {within.total_seconds():g} s of being frozen, "
                        f"but it was not. {error}"
                    ) from None
                logger.info(
                    f"{name}: found unhealthy after {time.monotonic() - began:.1f} s ({found.detail})."
                )
        _wait_well(stack, ", ".join(services), "freed", _deadline(recovers_within))

    @keyword
    def service_should_end_in_good_order(self, service: str, *, code: int = 0) -> None:
        """Ask a service to end (SIGTERM); see that it does within its grace period, by itself; start it again.

        Under a flow it is asked once that is well under way.

        Args:
            service: Its name in the compose file.
            code: The exit code of a good end; a JVM ends with 143.

        Raises:
            AssertionError: It had to be killed, or ended with another code, or does not come back.
        """
        stack = striking.stack_with(service)
        flow = striking.flow_under_way()
        striking.mark(service)
        asked = now_ns()
        with striking.brought_back(stack, service):
            stack.stop(service)
            stopped = striking.expect(service, "stopped", within=timedelta(seconds=30))
        striking.struck(flow, replace(stopped, at_ns=asked))
        took = (stopped.at_ns - asked) / _NANO
        _wait_well(stack, service, "started again", _deadline(timedelta(seconds=30)), service)
        if stopped.exit_code != code:
            raise AssertionError(
                f"{service} should end by itself with exit code {code} when it is asked to, but it ended with "
                f"{stopped.exit_code} after {took:.1f} s."
            )
        logger.info(f"{service} ended with exit code {code} after {took:.2f} s.")

    @keyword
    def killed_service_should_recover(self, service: str, *, within: timedelta) -> None:
        """Kill a service (SIGKILL); see that its restart policy brings it back, and that all are healthy in time.

        Under a flow it is killed once that is well under way.

        Args:
            service: Its name in the compose file.
            within: Budget from the kill until all services are healthy.

        Raises:
            Void: It did not die.
            AssertionError: It does not come back, or not in time.
        """
        stack = striking.stack_with(service)
        flow = striking.flow_under_way()
        striking.mark(service)
        deadline = _deadline(within)
        with striking.brought_back(stack, service):
            stack.kill(service)
            died = striking.expect(service, "died", within=timedelta(seconds=5))
            striking.struck(flow, died)
            try:
                stack.wait_event(service, "started", since=died.n, within=_left(deadline))
            except StackError as error:
                raise AssertionError(
                    f"{service} should be started again by its restart policy within {within.total_seconds():g} s "
                    f"of a crash, but it was not. {error}"
                ) from None
        _wait_well(stack, service, "killed", deadline)

    @keyword
    def crash_loop_should_be_visible(
        self, service: str, *, crashes: int = 3, within: timedelta = timedelta(seconds=30)
    ) -> None:
        """Let a service end with an error whenever it starts; see restarts counted and ever longer pauses.

        In the end it runs as configured again, and all services are healthy.

        Args:
            service: Its name in the compose file.
            crashes: How many restarts to wait for, from 3 on: two pauses can be compared then.
            within: Budget for them, and again for the recovery.

        Raises:
            AssertionError: It is not started again, its restarts are not counted, or the pauses do not grow.
        """
        stack = striking.stack_with(service)
        at_least("The number of crashes", crashes, 3)
        striking.mark(service)
        since = striking.marked(service)
        try:
            with _stood_in_for(stack, service, _CRASHES):
                patiently(
                    lambda: _state(stack, service),
                    until=lambda state: state.restarts >= crashes,
                    within=within,
                    what=f"{service} should be restarted {crashes} times by its policy while it crashes",
                    describe=_counted,
                )
        except WaitError as error:
            raise AssertionError(str(error)) from None
        loop = [event for event in stack.events(since) if event.service == service]
        if any(event.what == "healthy" for event in loop[: -_after_loop(loop)]):
            raise AssertionError(f"{service} should never be healthy while it crashes, but it was.")
        pauses = _pauses(loop)
        if len(pauses) < 2:
            raise Void(f"{service} was restarted {len(pauses)} times only, so no pauses can be compared.")
        shown = ", ".join(f"{pause:.2f} s" for pause in pauses)
        if pauses[-1] - pauses[0] < _GROWTH:
            raise AssertionError(
                f"{service} should be restarted after ever longer pauses while it crashes, but they were {shown}."
            )
        logger.info(f"{service} was restarted {len(pauses)} times, after pauses of {shown}.")
        _wait_well(stack, service, "restarted as configured", _deadline(within))

    @keyword
    def memory_limit_should_be_in_force(
        self,
        service: str,
        *,
        grows_to_mb: int,
        within: timedelta,
        recovers_within: timedelta = timedelta(seconds=30),
    ) -> None:
        """Let a program grow in the place of a service; see that it is ended at the limit, and reported so.

        In the end the service runs as configured again.

        Args:
            service: Its name in the compose file.
            grows_to_mb: What the program takes when nobody stops it: more than the limit, less than the machine has.
            within: Budget until the program is ended.
            recovers_within: Budget until the service is healthy again.

        Raises:
            AssertionError: It may grow on, or does not recover.
        """
        stack = striking.stack_with(service)
        at_least("The memory in MB", grows_to_mb, 16)
        striking.mark(service)
        since = striking.marked(service)
        with _stood_in_for(stack, service, ["python", "-c", _GROWS.format(mb=grows_to_mb)]):
            try:
                stack.wait_event(service, "oom", since=since, within=within.total_seconds())
            except StackError as error:
                raise AssertionError(
                    f"{service} should be ended for want of memory within {within.total_seconds():g} s when it "
                    f"grows beyond its limit, but it takes {_state(stack, service).rss_bytes / 2**20:,.0f} MiB. "
                    f"{error}"
                ) from None
        _wait_well(stack, service, "restarted as configured", _deadline(recovers_within))

    @keyword
    def stop_and_start_all_services(self, *, within: timedelta = timedelta(seconds=60)) -> None:
        """Stop every service, those first that were started last; start all again; wait until all are healthy.

        Args:
            within: Budget from the first start until all are healthy.
        """
        stack = session.current().stack
        names = [state.name for state in stack.status() if not state.companion]
        with striking.brought_back(stack, *names):
            for name in reversed(names):
                striking.mark(name)
                stack.stop(name)
            for name in names:
                striking.expect(name, "stopped", within=timedelta(seconds=30))
            deadline = _deadline(within)
        _wait_well(stack, "the whole stack", "stopped", deadline)


def _state(stack: Stack, service: str) -> ServiceState:
    return next(state for state in stack.status() if state.name == service)


def _counted(state: ServiceState) -> str:
    return f"{state.restarts} restarts are counted, it is {state.state}"


def _pass(stack: Stack, service: str, lasting: timedelta) -> None:
    """Let time pass while a service is frozen, and see that it stays so."""
    end = time.monotonic() + lasting.total_seconds()
    patiently(
        time.monotonic,
        until=lambda now: now >= end,
        within=lasting + timedelta(seconds=5),
        every=_LOOK,
        what=f"The pause of {service} should pass",
        describe=lambda now: f"{end - now:.1f} s are left",
        stop_if=lambda: None if (now := _state(stack, service)).state == "paused" else f"it is {now.state}",
    )


def _deadline(within: timedelta) -> float:
    return time.monotonic() + within.total_seconds()


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.1)


def _wait_well(stack: Stack, who: str, what: str, deadline: float, service: str | None = None) -> None:
    """Wait until all services (or one) are healthy, and note how long that took."""
    began, within = time.monotonic(), _left(deadline)
    try:
        stack.wait_healthy([service] if service else None, within=within)
    except StackError as error:
        raise AssertionError(
            f"{service or 'All services'} should be healthy within {within:.0f} s after {who} was {what}. {error}"
        ) from None
    logger.info(f"Recovered {time.monotonic() - began:.1f} s after {who} was {what}.")


@contextmanager
def _stood_in_for(stack: Stack, service: str, command: Sequence[str]) -> Iterator[None]:
    """Run something else in the place of a service, which runs as configured again in the end."""
    changed = session.current().changed_services
    changed.add(service)  # whoever restarts those that run otherwise knows of it, whatever fails here
    try:
        stack.restart(service, command=command)
        yield
    finally:
        stack.restart(service)
    changed.discard(service)


def _pauses(events: Sequence[StackEvent]) -> list[float]:
    """Return the seconds between each death and the restart by policy that followed."""
    pauses, died = [], None
    for event in events:
        if event.what == "died":
            died = event.at_ns
        elif event.what == "restarted" and "policy" in event.detail and died is not None:
            pauses.append((event.at_ns - died) / _NANO)
            died = None
    return pauses


def _after_loop(events: Sequence[StackEvent]) -> int:
    """Return how many events came after the service was last stopped: those of its sound self."""
    after = 0
    for event in reversed(events):
        after += 1
        if event.what == "stopped":
            return after
    return after


@contextmanager
def _frozen(stack: Stack, services: Sequence[str]) -> Iterator[None]:
    """Stop all processes of services, and let them go on in the end."""
    stopped = []
    try:
        for pid in [pid for name in services for pid in _pids(stack, name)]:
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)
        patiently(
            lambda: [psutil.Process(pid).status() for pid in stopped],
            until=lambda seen: all(status == psutil.STATUS_STOPPED for status in seen),
            within=timedelta(seconds=5),
            every=_LOOK,
            what="All processes should be frozen",
        )
        yield
    except (PermissionError, ProcessLookupError, psutil.Error, WaitError) as error:
        raise Void(f"{', '.join(services)} could not be frozen: {error}.") from None
    finally:
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _pids(stack: Stack, service: str) -> list[int]:
    pid = _state(stack, service).pid
    if pid is None:
        raise Void(f"{service} does not run, so it cannot be frozen.")
    process = psutil.Process(pid)
    return [pid, *(child.pid for child in process.children(recursive=True))]
