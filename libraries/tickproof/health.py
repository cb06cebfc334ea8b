"""Keywords that judge what a platform says of itself: readiness, counters, memory, and what it asks of the venue."""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from robot.api import logger
from robot.api.deco import keyword, library

from tickproof import session, striking
from tickproof.misuse import MisuseError, at_least, one_of
from tickproof.observing import sent_so_far
from tickproof.probes.errors import HopUnreachableError
from tickproof.probes.metrics import read_metrics
from tickproof.stack import StackError
from tickproof.verdicts import Void
from tickproof.waiting import WaitError, patiently

MEGA = 1_000_000


@library(scope="GLOBAL")
class Health:
    """Judges what the platform tells of itself, and how much of others it takes.

    Example:
    | Remember Figures
    | Send Trades    1000
    | Hops Should Hold Every Trade
    | Counters Should Have Counted What Was Sent
    """

    @keyword
    def readiness_should_tell_that_service_is_away(
        self, service: str, *dependants: str, within: timedelta, recovers_within: timedelta
    ) -> None:
        """Stop a service; see that those which need it say that they are not ready, live on, and recover with it.

        Args:
            service: The one that is stopped.
            dependants: Those that cannot work without it.
            within: Budget until each of them is unhealthy.
            recovers_within: Budget until all are healthy again once the service was started.

        Raises:
            AssertionError: One says that it is ready all the time, ends, or does not recover.
        """
        stack = session.current().stack
        _readiness_follows(service, dependants, within, recovers_within, "stopped", harm=stack.stop)

    @keyword
    def readiness_should_tell_that_service_is_paused(
        self, service: str, *dependants: str, within: timedelta, recovers_within: timedelta
    ) -> None:
        """Freeze a service, which keeps its connections; see that those which need it say so, live on, and recover.

        Under a flow it is frozen once that is well under way.

        Args:
            service: The one that is frozen.
            dependants: Those that cannot work without it.
            within: Budget until each of them is unhealthy.
            recovers_within: Budget until all are healthy again once the service goes on.

        Raises:
            AssertionError: One says that it is ready all the time, ends, or does not recover.
        """
        stack = session.current().stack
        flow = striking.flow_under_way()
        striking.mark(service)

        def freeze(name: str) -> None:
            stack.pause(name)
            striking.struck(flow, striking.expect(name, "paused", within=timedelta(seconds=5)))

        _readiness_follows(service, dependants, within, recovers_within, "paused", harm=freeze)

    @keyword
    def remember_figures(self) -> None:
        """Note the counters and the memory of every service, to be compared with later.

        Raises:
            Void: The target does not say which counters count trades (`counters`).
        """
        run = session.current()
        scene = run.own_scene()
        scene.counters = _counters()
        scene.memory = {state.name: state.rss_bytes for state in run.stack.status()}

    @keyword
    def counters_should_have_counted_what_was_sent(
        self, *, within: timedelta = timedelta(seconds=10)
    ) -> None:
        """See that each service's counter of trades has grown by what this test sent; the test is alone on the stack.

        Args:
            within: Counters may follow the trades so much later.

        Raises:
            AssertionError: One has not, or by another number.
            Void: `Remember Figures` was not used before.
        """
        run = session.current()
        scene, sent = sent_so_far(run)
        before = scene.counters
        if before is None:
            raise Void("the counters were not noted before; use `Remember Figures` first.")
        wanted = sent.num_rows
        try:
            patiently(
                _counters,
                until=lambda now: all(now[name] - before[name] >= wanted for name in before),
                within=within,
                what=f"Every service's counter should grow by {wanted:,} trades",
                describe=lambda now: ", ".join(
                    f"{name} by {now[name] - before[name]:,.0f}" for name in before
                ),
                tolerate=(HopUnreachableError,),
            )
        except WaitError as error:
            now = _counters()
            short = [name for name in before if now[name] - before[name] < wanted]
            raise AssertionError(f"{', '.join(short)} should have counted what was sent. {error}") from None
        for service, name in run.platform.counters.items():
            if not any(sample.name == name for sample in read_metrics(run.platform.metrics[service]).samples):
                raise AssertionError(f"{service} should publish the metric {name}, but it does not.")
        now = _counters()
        for name in before:
            if now[name] - before[name] > wanted:
                raise AssertionError(
                    f"{name} should have counted {wanted:,} trades, but it counted {now[name] - before[name]:,.0f}."
                )
        logger.info(f"Counted by {', '.join(before)}: {wanted:,} trades.")

    @keyword
    def memory_should_not_have_grown(self, *services: str, by_at_most_mb: int) -> None:
        """See that services take not much more memory than when the figures were remembered.

        Args:
            services: Their names.
            by_at_most_mb: How much more each may take, in MB (resident, its children included).

        Raises:
            AssertionError: One has grown by more.
            Void: `Remember Figures` was not used before.
        """
        at_least("The number of MB", by_at_most_mb, 1)
        run = session.current()
        before = run.scene.memory
        if not before:
            raise Void("the memory was not noted before; use `Remember Figures` first.")
        states = {state.name: state for state in run.stack.status()}
        for name in services:
            one_of("service", name, list(states))
            grown = (states[name].rss_bytes - before[name]) / MEGA
            logger.info(f"{name}: {states[name].rss_bytes / MEGA:,.0f} MB, {grown:+,.0f} MB.")
            if grown > by_at_most_mb:
                raise AssertionError(
                    f"{name} should not grow by more than {by_at_most_mb} MB, but it grew by {grown:,.0f} MB to "
                    f"{states[name].rss_bytes / MEGA:,.0f} MB."
                )

    @keyword
    def history_should_be_asked_at_most(self, times: int) -> None:
        """See how often the platform asked the venue's history for the symbols of this test.

        Args:
            times: How often at most, from 1 on.

        Raises:
            AssertionError: More often.
            Void: Not at all, so nothing was repaired.
        """
        at_least("The number of questions", times, 1)
        run = session.current()
        mine = run.scene.first_ids
        asked = [
            event
            for event in run.exchange.events(run.scene.marks.exchange)
            if event["what"] == "rest" and event.get("symbol") in mine
        ]
        if not asked:
            raise Void("the platform asked the venue's history nothing about these symbols.")
        if len(asked) > times:
            raise AssertionError(
                f"The platform should ask the venue's history at most {times} times for these gaps, "
                f"but it asked {len(asked)} times."
            )
        logger.info(f"The venue's history was asked {len(asked)} times.")


def _readiness_follows(
    service: str,
    dependants: Sequence[str],
    within: timedelta,
    recovers_within: timedelta,
    how: str,
    *,
    harm: Callable[[str], None],
) -> None:
    """Harm a service; see that each dependant says so, lives on, and recovers once the service is back."""
    if not dependants:
        raise MisuseError("Name the services that cannot work without it, such as feed and writer.")
    stack = striking.stack_with(service, *dependants)
    restarts = {state.name: state.restarts for state in stack.status()}
    with striking.brought_back(stack, service):
        harm(service)
        began = time.monotonic()
        for name in dependants:
            _wait_unhealthy(service, how, name, within)
            logger.info(
                f"{name} was found not ready {time.monotonic() - began:.1f} s after {service} was {how}."
            )
    began = time.monotonic()
    try:
        stack.wait_healthy(within=recovers_within.total_seconds())
    except StackError as error:
        raise AssertionError(f"All should be healthy again once {service} is back. {error}") from None
    logger.info(f"All were healthy again {time.monotonic() - began:.1f} s after {service} was back.")
    for state in stack.status():
        if state.name in dependants and state.restarts != restarts[state.name]:
            raise AssertionError(
                f"{state.name} should live on while {service} is {how}, but it was restarted."
            )


def _wait_unhealthy(service: str, how: str, name: str, within: timedelta) -> None:
    stack = session.current().stack
    try:
        patiently(
            lambda: next(state for state in stack.status() if state.name == name),
            until=lambda state: state.health == "unhealthy",
            within=within,
            what=f"{name} should not be ready while {service} is {how}",
            describe=lambda state: f"it says {state.health or state.state}",
        )
    except WaitError as error:
        raise AssertionError(str(error)) from None


def _counters() -> dict[str, float]:
    platform = session.current().platform
    if not platform.counters:
        raise Void("the target's file does not say which counters count trades (`counters`).")
    return {
        service: read_metrics(platform.metrics[service]).value(name)
        for service, name in platform.counters.items()
    }
