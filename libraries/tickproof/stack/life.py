"""What a process and a container have in common as services: how they stand, and what they are told to do."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tickproof.clock import now_ns
from tickproof.stack.children import Children
from tickproof.stack.model import ServicePlan, ServiceState
from tickproof.stack.timeline import Timeline


@dataclass
class Surroundings:
    """What all services of a run share."""

    folder: Path
    variables: dict[str, str]
    timeline: Timeline
    children: Children
    services: "dict[str, Life]"
    failed: Callable[[BaseException], None]
    announced: Callable[[Path], None]
    ending: bool = False


@dataclass(frozen=True)
class Override:
    """Another command or more environment for a service."""

    command: tuple[str, ...] | None
    environment: Mapping[str, str]


class Life(ABC):
    """One service of the stack. All methods run in the supervisor's event loop."""

    def __init__(self, plan: ServicePlan, around: Surroundings) -> None:
        """Create the service; it does not run yet."""
        self.plan = plan
        self.exit_code: int | None = None
        self.state = "created"
        self._around = around
        self._reason = ""
        self._since_ns = now_ns()
        self._started_once = False
        self._stopping = False
        self._override: Override | None = None
        around.timeline.add(plan.name, "created")

    @property
    def is_ready(self) -> bool:
        """Whether it is as a started stack should have it."""
        return self.describe(measured=False).is_well

    def fulfils(self, condition: str) -> bool:
        """Tell whether a condition that another service waits for is met."""
        if condition == "service_started":
            return self._started_once
        if condition == "service_healthy":
            return self.is_ready
        return self.state == "exited" and self.exit_code == 0

    @property
    @abstractmethod
    def pid(self) -> int | None:
        """Its main process, as this machine numbers it; None when there is none."""

    @abstractmethod
    def describe(self, *, measured: bool = True) -> ServiceState:
        """Return how it stands now; `measured` tells whether to look how much memory it uses."""

    @abstractmethod
    def enforce_memory_limit(self) -> None:
        """End it when it uses more memory than its limit, unless somebody else does."""

    @abstractmethod
    def begin(self) -> None:
        """Prepare and start as soon as the services that it depends on allow it."""

    @abstractmethod
    async def start(self) -> None:
        """Start it by hand, whatever it depends on."""

    @abstractmethod
    async def stop(self, grace: float | None = None) -> None:
        """Stop it: its stop signal, and after the grace period SIGKILL. No restart policy starts it again."""

    @abstractmethod
    async def kill(self) -> None:
        """Kill it as a crash would: its restart policy applies."""

    @abstractmethod
    async def restart(self, override: Override | None) -> None:
        """Stop it and start it again, with another command or environment if so wanted."""

    @abstractmethod
    async def pause(self) -> None:
        """Freeze it; its health is not checked meanwhile."""

    @abstractmethod
    async def resume(self) -> None:
        """Let it go on after a pause."""

    def _become(self, state: str, reason: str = "") -> None:
        self.state, self._reason, self._since_ns = state, reason, now_ns()

    def _note(
        self, what: str, *, pid: int | None = None, exit_code: int | None = None, detail: str = ""
    ) -> None:
        self._around.timeline.add(
            self.plan.name, what, pid=pid or self.pid, exit_code=exit_code, detail=detail
        )
