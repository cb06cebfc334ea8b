"""Docker's restart policies: whether a service that ended starts again, and after which pause."""

from dataclasses import dataclass

from tickproof.stack.model import Restart

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 60.0
_STEADY = 10.0


@dataclass
class RestartPolicy:
    """Decides on restarts. The pause doubles with each restart, until a run lasts for 10 s."""

    restart: Restart
    count: int = 0
    _pause: float = 0.0

    def after_exit(self, exit_code: int, ran_for: float) -> float | None:
        """Decide what follows the end of a run that nobody asked for.

        Args:
            exit_code: how it ended.
            ran_for: for how many seconds it had run.

        Returns:
            The pause before the next start in seconds; None when there is none.
        """
        longer = self._pause * 2 if self._pause and ran_for < _STEADY else _FIRST_PAUSE
        self._pause = min(longer, _LONGEST_PAUSE)
        policy, most = self.restart.policy, self.restart.most
        again = policy in ("always", "unless-stopped")
        if policy == "on-failure":
            again = exit_code != 0 and (most == 0 or self.count < most)
        if not again:
            return None
        self.count += 1
        return self._pause

    def begin_anew(self) -> None:
        """Forget earlier restarts, as a start by hand does."""
        self.count, self._pause = 0, 0.0
