"""Keywords for the platform as a whole: bring it up, kill and restart its services, see that they recover."""

import secrets
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from robot.api import logger
from robot.api.deco import keyword, library

from tickproof import explaining, session, striking
from tickproof.clock import now_ns
from tickproof.evidence.listener import RunListener
from tickproof.evidence.redaction import SECRETS
from tickproof.following import SceneListener
from tickproof.misuse import MisuseError, one_of
from tickproof.stack import StackError
from tickproof.verdicts import Void


@library(scope="GLOBAL")
class Platform:
    """The platform under test, as the run's target describes it.

    The first keyword that needs it finds a kept stack (`tickproof up`) or starts one for this run. Faults are proved: a
    kill that left no trace in the timeline is VOID, and so is a service that was not restarted by its policy.
    """

    def __init__(self) -> None:
        listener = RunListener()
        listener.require(lambda: session.current().check())
        listener.announce(explaining.target)
        listener.conclude(explaining.evidence)
        for title, explainer in explaining.EXPLAINERS.items():
            listener.explain(title, explainer)
        self.ROBOT_LIBRARY_LISTENER = [listener, SceneListener()]

    @keyword
    def ensure_platform_is_up(self) -> None:
        """Find or start the target's platform and wait until every service is healthy.

        Raises:
            RunRefusedError: The target cannot be loaded or the platform does not come up; the run ends red.
        """
        run = session.current()
        stack = run.ensure_up()
        stack.wait_healthy(within=30)
        logger.info(
            f"Target {run.target.name} ({run.target.fingerprint}), form {run.form}, seed {run.seed}, "
            f"state in {stack.folder}"
        )

    @keyword
    def kill_service(self, service: str) -> None:
        """End a service with SIGKILL and see that it died; under a flow, once that is well under way.

        Args:
            service: Its name in the compose file.
        """
        stack = session.current().stack
        flow = striking.flow_under_way()
        striking.mark(service)
        stack.kill(service)
        striking.struck(flow, striking.expect(service, "died", within=timedelta(seconds=5)))

    @keyword
    def stop_and_start_service(self, service: str) -> None:
        """Stop a service within its grace period, start it again, and wait until it is healthy.

        Under a flow it is stopped once that is well under way.
        """
        stack = session.current().stack
        flow = striking.flow_under_way()
        striking.mark(service)
        asked_ns = now_ns()
        stack.stop(service)
        stopped = striking.expect(service, "stopped", within=timedelta(seconds=30))
        striking.struck(flow, replace(stopped, at_ns=asked_ns))
        stack.start(service)
        stack.wait_healthy([service], within=30)

    @keyword
    def restart_service(self, service: str, **environment: str) -> None:
        """Restart a service, with these variables in place of its configured ones until the next restart.

        Args:
            service: Its name in the compose file.
            environment: Variables by name; none means as configured.
        """
        stack = session.current().stack
        changed = session.current().changed_services
        stack.restart(service, environment=environment)
        changed.add(service) if environment else changed.discard(service)
        stack.wait_healthy([service], within=30)

    @keyword
    def withdraw_key(self, use: str) -> None:
        """Restart the API with another key in the place of one; the key that clients hold is good no more.

        Args:
            use: The key's use in the target's file, such as `default`.

        Raises:
            MisuseError: The target names no such key.
        """
        run = session.current()
        hop = run.target.hops.api
        one_of("key", use, list(hop.keys) if hop else [])
        assert hop is not None
        source = hop.keys[use]
        key = str(source.read(run.stack.variables).value)
        other = secrets.token_urlsafe(24)
        SECRETS.add(f"new key {use}", other)
        variables = run.stack.variables[source.variable].replace(key, other)
        self.restart_service("api", **{source.variable: variables})

    @keyword
    def restart_changed_services(self) -> None:
        """Restart those services that run with changed variables, as configured; leave the others alone."""
        for service in sorted(session.current().changed_services):
            self.restart_service(service)

    @keyword
    def crash_writer_at(self, point: str) -> None:
        """Arm one crash: at this point of its next work the writer kills itself; its restart is as configured.

        One that was never reached is disarmed when the test ends.

        Args:
            point: One of the crash points that the target's file lists under `faults.writer.points`.

        Raises:
            MisuseError: The target lists no such point.
        """
        run = session.current()
        crash = run.target.faults.get("writer")
        if crash is None:
            raise MisuseError("The target lists no crash points of the writer (`faults.writer`).")
        one_of("crash point of the writer", point, crash.points)
        striking.mark("writer")  # before it is armed: it may find work at once
        armed = Path(run.platform.faults["writer"].file)
        run.own_scene().armed.append(armed)
        try:
            armed.write_text(point, encoding="utf-8")
        except OSError as error:
            raise Void(
                f"the crash could not be armed: {armed} cannot be written ({error.strerror})."
            ) from error

    @keyword
    def service_should_have_died_and_recovered(
        self, service: str, *, within: timedelta = timedelta(seconds=20)
    ) -> None:
        """Wait until a service has died since the fault was set, was restarted by its policy, and is healthy.

        Args:
            service: Its name in the compose file.
            within: Budget from now to healthy.

        Raises:
            Void: It did not die, so nothing was proved.
            AssertionError: It died and did not come back in time.
        """
        stack = striking.stack_with(service)
        deadline = time.monotonic() + within.total_seconds()
        died = striking.expect(service, "died", within=within)
        try:
            left = max(deadline - time.monotonic(), 0.1)
            restarted = stack.wait_event(service, "restarted", since=died.n, within=left)
            stack.wait_healthy([service], within=max(deadline - time.monotonic(), 0.1))
        except StackError as error:
            raise AssertionError(f"{service} should recover by its restart policy. {error}") from None
        striking.mark(service)
        logger.info(f"{service} died and was restarted (event {restarted.n}).")
