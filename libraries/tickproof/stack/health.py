"""The health of one service as Docker defines it: starting, healthy, unhealthy."""

from dataclasses import dataclass, field

from tickproof.stack.model import HealthCheck


@dataclass
class Health:
    """Turns the results of single checks into a state. Times are seconds on one clock of the caller's.

    A failure during the start period does not count while the service was never healthy. A success ends the
    start period. `retries` failures in a row make it unhealthy, one success makes it healthy again.
    """

    check: HealthCheck
    started: float
    status: str = "starting"
    failures: int = 0
    said: str = field(default="not checked yet")

    def pause(self, now: float) -> float:
        """Return how long to wait before the next check."""
        if self.status == "starting" and now - self.started < self.check.start_period:
            return self.check.start_interval
        return self.check.interval

    def note(self, *, ok: bool, said: str, at: float) -> bool:
        """Take the result of a check.

        Args:
            ok: whether it succeeded.
            said: what the service answered, in words.
            at: when the check began.

        Returns:
            Whether the status is another one now.
        """
        before = self.status
        self.said = said
        if ok:
            self.failures, self.status = 0, "healthy"
        elif self.status != "starting" or at - self.started >= self.check.start_period:
            self.failures += 1
            if self.failures >= self.check.retries:
                self.status = "unhealthy"
        return self.status != before
