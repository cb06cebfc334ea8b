"""A fault as a keyword sets it: at the right moment of a flow, and proved by the stack's timeline."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from robot.api import logger

from tickproof import session
from tickproof.misuse import one_of
from tickproof.scenes import Sending, Strike
from tickproof.stack import Stack, StackError, StackEvent
from tickproof.verdicts import Void
from tickproof.waiting import patiently

UNDER_WAY = 0.2
"""Share of a plan that is sent before a fault hits it."""


def stack_with(*services: str) -> Stack:
    """Return the stack of the run, which has these services.

    Raises:
        MisuseError: It has no service of one of the names.
    """
    stack = session.current().stack
    known = [state.name for state in stack.status()]
    for name in services:
        one_of("service", name, known)
    return stack


def flow_under_way() -> Sending | None:
    """Wait until a fifth of the plan that is being sent is out, so that a fault hits it; None: nothing is sent.

    Raises:
        Void: A flow was begun for the fault to hit, and is over already.
    """
    scene = session.current().own_scene()
    if scene.finished == len(scene.sendings):
        return None
    flow = scene.flow()
    if flow.play.progress().state != "running":
        raise Void("the flow was over before the fault, so nothing was survived; send more, or slower.")
    patiently(
        flow.play.progress,
        until=lambda now: now.sent >= UNDER_WAY * now.total,
        within=flow.within,
        every=timedelta(milliseconds=10),
        what="The flow should be under way",
        describe=lambda now: f"{now.sent:,} of {now.total:,} trades are sent",
    )
    return flow


def struck(flow: Sending | None, event: StackEvent) -> None:
    """Note that a fault was to hit a flow; the verdict proves that it did, or is VOID."""
    if flow is not None:
        strike = Strike(event.service, event.what, event.at_ns, flow)
        session.current().own_scene().strikes.append(strike)


def mark(service: str) -> None:
    """Note where the timeline ends before a service is harmed."""
    run = session.current()
    events = run.stack.events()
    run.own_scene().faults[service] = events[-1].n if events else 0


def marked(service: str) -> int:
    """Return the number of the last event before a service was harmed; else before the test began."""
    scene = session.current().own_scene()
    return scene.faults.get(service, scene.marks.stack)


def expect(service: str, what: str, *, within: timedelta) -> StackEvent:
    """Wait for the event that proves a fault.

    Raises:
        Void: It did not come, so nothing was survived.
    """
    try:
        return session.current().stack.wait_event(
            service, what, since=marked(service), within=within.total_seconds()
        )
    except StackError as error:
        raise Void(f"the fault had no effect: {service} should have {what}. {error}") from None


@contextmanager
def brought_back(stack: Stack, *services: str) -> Iterator[None]:
    """Let services go on that are paused or stopped in the end, also when something failed on the way."""
    try:
        yield
    except BaseException:
        for name in services:
            try:
                _bring_back(stack, name)
            except StackError as error:  # what failed first is what is told
                logger.warn(f"{name} could not be brought back: {error}")
        raise
    for name in services:
        _bring_back(stack, name)


def _bring_back(stack: Stack, service: str) -> None:
    state = next(each.state for each in stack.status() if each.name == service)
    if state == "paused":
        stack.resume(service)
    elif state == "exited":
        stack.start(service)
