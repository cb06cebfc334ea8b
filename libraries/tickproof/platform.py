"""Keywords for the platform as a whole: bring it up, kill and restart its services, see that they recover."""

from datetime import timedelta

from robot.api import logger
from robot.api.deco import keyword, library

from tickproof import explaining, session
from tickproof.evidence.listener import RunListener
from tickproof.scenes import SceneListener
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
        listener.announce(explaining.target)
        for title, explainer in explaining.EXPLAINERS.items():
            listener.explain(title, explainer)
        self.ROBOT_LIBRARY_LISTENER = [listener, SceneListener()]

    @keyword
    def ensure_platform_is_up(self) -> None:
        """Find or start the target's platform and wait until every service is healthy.

        Raises:
            FatalError: The target cannot be loaded or the platform does not come up; the run ends red.
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
        """End a service with SIGKILL and see that it died.

        Args:
            service: Its name in the compose file.
        """
        stack = session.current().stack
        self._mark(service)
        stack.kill(service)
        self._expect(service, "died", within=timedelta(seconds=5))

    @keyword
    def stop_and_start_service(self, service: str) -> None:
        """Stop a service within its grace period, start it again, and wait until it is healthy."""
        stack = session.current().stack
        self._mark(service)
        stack.stop(service)
        self._expect(service, "stopped", within=timedelta(seconds=30))
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
    def restart_changed_services(self) -> None:
        """Restart those services that run with changed variables, as configured; leave the others alone."""
        for service in sorted(session.current().changed_services):
            self.restart_service(service)

    @keyword
    def crash_writer_at(self, point: str) -> None:
        """Arm one crash: at this point of its next work the writer kills itself; its restart is as configured.

        Args:
            point: One of the crash points that the target's file lists under `faults.writer.points`.

        Raises:
            ValueError: The target lists no such point.
        """
        run = session.current()
        crash = run.target.faults["writer"]
        if point not in crash.points:
            raise ValueError(f"The writer has no crash point {point}; allowed: {', '.join(crash.points)}.")
        run.stack.restart("writer", environment={crash.failpoint: point}, once=True)
        self._mark("writer")  # it may find work, and die, before it was seen healthy
        run.stack.wait_healthy(["writer"], within=30)

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
        stack = session.current().stack
        self._expect(service, "died", within=within)
        try:
            restarted = stack.wait_event(
                service, "restarted", since=self._marked(service), within=within.total_seconds()
            )
            stack.wait_healthy([service], within=within.total_seconds())
        except StackError as error:
            raise AssertionError(f"{service} should recover by its restart policy. {error}") from None
        logger.info(f"{service} died and was restarted (event {restarted.n}).")

    def _mark(self, service: str) -> None:
        run = session.current()
        events = run.stack.events()
        run.own_scene().notes[f"mark-{service}"] = events[-1].n if events else 0

    def _marked(self, service: str) -> int:
        mark = session.current().own_scene().notes.get(f"mark-{service}", 0)
        assert isinstance(mark, int)
        return mark

    def _expect(self, service: str, what: str, *, within: timedelta) -> None:
        try:
            session.current().stack.wait_event(
                service, what, since=self._marked(service), within=within.total_seconds()
            )
        except StackError as error:
            raise Void(f"the fault had no effect: {service} was to be {what}. {error}") from None
