"""What a stack is made of: services as read from the compose file, and the plan handed to the supervisor.

Texts that may name variables known only at start (ports, the exchange's addresses) are kept as templates.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Condition = Literal["service_started", "service_healthy", "service_completed_successfully"]
PREPARATION_FAILED = "its preparation failed"
Policy = Literal["no", "always", "on-failure", "unless-stopped"]


@dataclass(frozen=True)
class Probe:
    """How the driver asks a service for its health: an address template and the way to talk to it."""

    kind: Literal["http", "kafka", "file"]
    address: str


@dataclass(frozen=True)
class HealthCheck:
    """The timing of a health check, in seconds, with Compose's own defaults."""

    interval: float = 30.0
    timeout: float = 30.0
    retries: int = 3
    start_period: float = 0.0
    start_interval: float = 5.0


@dataclass(frozen=True)
class Restart:
    """When a service that ended is started again. `most` limits on-failure; 0 means without limit."""

    policy: Policy = "no"
    most: int = 0


@dataclass(frozen=True)
class ServicePlan:
    """One service of the compose file, as the local driver runs it."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    prepare: tuple[str, ...] = ()
    prepared: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    depends_on: dict[str, Condition] = field(default_factory=dict)
    health: HealthCheck | None = None
    probe: Probe | None = None
    restart: Restart = Restart()
    memory_limit: int | None = None
    stop_grace: float = 10.0
    stop_signal: str = "SIGTERM"
    companion: bool = False

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "ServicePlan":
        """Rebuild a service from the form that `StackPlan.to_json` wrote."""
        return cls(
            **{
                **data,
                "command": tuple(data["command"]),
                "prepare": tuple(data["prepare"]),
                "prepared": tuple(data["prepared"]),
                "ports": tuple(data["ports"]),
                "health": HealthCheck(**data["health"]) if data["health"] else None,
                "probe": Probe(**data["probe"]) if data["probe"] else None,
                "restart": Restart(**data["restart"]),
            }
        )


@dataclass(frozen=True)
class StackPlan:
    """All that the supervisor needs. It holds secrets: its file is removed as soon as it was read.

    Attributes:
        name: of the stack.
        digest: fingerprint of all that it was made of.
        services: in the compose file's order, the simulated exchange first.
        variables: for the templates.
        secrets: values among the variables that nobody may show.
        containers: the compose file whose services Docker runs; None: they are local processes.
    """

    name: str
    digest: str
    services: tuple[ServicePlan, ...]
    variables: dict[str, str]
    secrets: tuple[str, ...] = ()
    containers: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "StackPlan":
        """Rebuild a plan from the form that `to_json` wrote."""
        services = tuple(ServicePlan.from_json(service) for service in data["services"])
        return cls(**{**data, "services": services, "secrets": tuple(data["secrets"])})


@dataclass(frozen=True)
class ServiceState:
    """How one service stands now.

    Attributes:
        name: the service, as the compose file calls it.
        state: created, preparing, running, paused, restarting or exited.
        health: starting, healthy or unhealthy; None where the compose file declares no health check.
        pid: the main process, None when there is none.
        restarts: how often its restart policy started it again since it was last started by hand.
        exit_code: of the last run that ended (128 + signal number when a signal ended it); None before.
        since_ns: when it came into this state.
        rss_bytes: resident memory of all its processes.
        reason: why it is in this state, in words; empty when there is nothing to tell.
        companion: true for the simulated exchange, which the compose file does not list.
    """

    name: str
    state: str
    health: str | None
    pid: int | None
    restarts: int
    exit_code: int | None
    since_ns: int
    rss_bytes: int
    reason: str
    companion: bool = False

    @property
    def is_well(self) -> bool:
        """Whether it is as it should be: healthy; without a health check running, or ended well."""
        if self.health is not None:
            return self.state == "running" and self.health == "healthy"
        return self.state == "running" or (self.state == "exited" and self.exit_code == 0)


@dataclass(frozen=True)
class StackEvent:
    """One entry of the timeline.

    Attributes:
        n: position in the timeline, from 1.
        at_ns: when it happened.
        service: to which service.
        what: created, preparing, started, healthy, unhealthy, oom, died, restarted, stopped, paused, resumed.
        pid: the main process at that time, where there was one.
        exit_code: of died and stopped.
        detail: more in words: what a health check saw, a line of a preparation, who asked for a restart.
    """

    n: int
    at_ns: int
    service: str
    what: str
    pid: int | None = None
    exit_code: int | None = None
    detail: str = ""
