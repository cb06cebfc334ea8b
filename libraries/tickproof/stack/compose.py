"""The compose file as the local driver reads it: a listed subset, any other key is refused by name.

Keys that only matter in a container are allowed and ignored; a service's `x-local` block takes their place.
"""

import signal
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeVar

from tickproof.stack import interpolation, units
from tickproof.stack.document import Node
from tickproof.stack.model import Condition, HealthCheck, Probe, Restart, ServicePlan

T = TypeVar("T")

RUN_HERE = (
    "depends_on",
    "deploy",
    "environment",
    "healthcheck",
    "mem_limit",
    "restart",
    "stop_grace_period",
    "stop_signal",
)
"""Keys of a service that the local driver acts on."""

FOR_CONTAINERS = (
    "build", "cap_drop", "command", "container_name", "entrypoint", "expose", "hostname", "image", "init", "labels",
    "logging", "network_mode", "networks", "ports", "privileged", "pull_policy", "read_only", "security_opt", "tmpfs",
    "ulimits", "user", "volumes", "working_dir",
)  # fmt: skip
"""Keys of a service that only matter in a container."""

_ROOT = ("name", "services", "networks", "volumes", "version")
_LOCAL = ("command", "environment", "health", "ports", "prepare", "prepared")
_HEALTHCHECK = ("disable", "interval", "retries", "start_interval", "start_period", "test", "timeout")
_CONDITIONS: tuple[Condition, ...] = ("service_started", "service_healthy", "service_completed_successfully")
_POLICIES = ("no", "always", "on-failure", "unless-stopped")


@dataclass(frozen=True)
class Composition:
    """The services of a compose file, in its order, and all variables that their templates name."""

    services: tuple[ServicePlan, ...]
    mentioned: frozenset[str]


def parse(root: Node, supplied: Collection[str]) -> Composition:
    """Read a compose document.

    Args:
        root: the document; its settings are the variables known before the start.
        supplied: names of further variables, which the driver supplies when a service starts.

    Raises:
        StackInputError: something is missing, wrong or not supported.
    """
    for _ in root.mapping(_ROOT):
        pass
    services = root.at("services")
    if not services:
        raise root.at("services").refuse("is missing; it must name at least one service")
    nodes = dict(services.mapping())
    ports = {name for node in nodes.values() for name in _ports(node.at("x-local"))}
    known = {*supplied, *ports, *root.settings}
    plans = tuple(_service(name, node, nodes, known) for name, node in nodes.items())
    _refuse_circles(services, plans)
    texts = [text for plan in plans for text in templates(plan)]
    return Composition(plans, frozenset(interpolation.mentioned(texts)))


def templates(plan: ServicePlan) -> list[str]:
    """Return all texts of a service whose variables are filled in when it starts."""
    probe = [plan.probe.address] if plan.probe else []
    return [*plan.prepare, *plan.prepared, *plan.command, *plan.environment.values(), *probe]


def _service(name: str, node: Node, others: Collection[str], known: Collection[str]) -> ServicePlan:
    for _ in node.mapping((*RUN_HERE, *FOR_CONTAINERS)):
        pass
    local = node.at("x-local")
    if not local:
        raise node.refuse("has no `x-local` block, so the local driver cannot run it")
    for key, inner in local.mapping():
        if key not in _LOCAL:
            raise inner.refuse(f"is not supported; supported here: {', '.join(_LOCAL)}")
    command = _argv(local.at("command"), known)
    if not command:
        raise local.at("command").refuse("is missing; it must be a list of arguments")
    environment = {**_environment(node.at("environment")), **_environment(local.at("environment"))}
    health = _health(node.at("healthcheck"))
    probe = _probe(local.at("health"), known)
    if health and not probe:
        raise local.at("health").refuse(
            "is missing, although the service has a `healthcheck`; give {http: URL} or {kafka: host:port}"
        )
    if probe and not health:
        raise node.at("healthcheck").refuse(
            "is missing, although the service has `x-local.health`; it holds the timing"
        )
    grace, stop_signal = node.at("stop_grace_period"), node.at("stop_signal")
    return ServicePlan(
        name=name,
        command=command,
        environment={key: _known(inner, known) for key, inner in environment.items()},
        prepare=_argv(local.at("prepare"), known),
        prepared=_argv(local.at("prepared"), known),
        ports=_ports(local),
        depends_on=_depends_on(node.at("depends_on"), name, others),
        health=health,
        probe=probe,
        restart=_restart(node.at("restart")),
        memory_limit=_memory_limit(node),
        stop_grace=_convert(grace, units.seconds) if grace else 10.0,
        stop_signal=_signal(stop_signal) if stop_signal else "SIGTERM",
    )


def _argv(node: Node, known: Collection[str]) -> tuple[str, ...]:
    return tuple(_known(item, known) for item in node.items()) if node else ()


def _known(node: Node, known: Collection[str]) -> str:
    text = node.template()
    for name in sorted(interpolation.names(text) - set(known)):
        raise node.refuse(
            f"needs the variable {name}, which is no port of any service, is not supplied by the driver and "
            "is set neither in the target's stack.environment nor in the environment"
        )
    return text


def _environment(node: Node) -> dict[str, Node]:
    if not node:
        return {}
    if not isinstance(node.value, list):
        return dict(node.mapping())
    pairs = {}
    for item in node.items():
        key, separator, value = item.template().partition("=")
        if not separator:
            raise item.refuse("has no value; write NAME=value")
        pairs[key] = Node(value, node.file, (*node.path, key), node.settings)
    return pairs


def _ports(local: Node) -> tuple[str, ...]:
    ports = local.at("ports")
    if not ports:
        return ()
    for item in ports.items():
        if not item.template().isidentifier():
            raise item.refuse(f"is {item.value}; it must be the name of a variable, such as HTTP_PORT")
    return tuple(item.template() for item in ports.items())


def _depends_on(node: Node, name: str, others: Collection[str]) -> dict[str, Condition]:
    if not node:
        return {}
    if isinstance(node.value, list):
        wanted: dict[str, Condition] = {item.text(): "service_started" for item in node.items()}
    else:
        wanted = {}
        for other, inner in node.mapping():
            for _ in inner.mapping(("condition",)):
                pass
            wanted[other] = _choice(inner.at("condition"), _CONDITIONS)
    for other in wanted:
        if other not in others or other == name:
            raise node.refuse(f"names {other}, which is no other service; services: {', '.join(others)}")
    return wanted


def _refuse_circles(services: Node, plans: tuple[ServicePlan, ...]) -> None:
    waiting = {plan.name: set(plan.depends_on) for plan in plans}
    while waiting:
        ready = {name for name, needs in waiting.items() if not needs & waiting.keys()}
        if not ready:
            raise services.refuse(f"has services that wait for each other: {', '.join(waiting)}")
        waiting = {name: needs for name, needs in waiting.items() if name not in ready}
    by_name = {plan.name: plan for plan in plans}
    for plan in plans:
        for other, condition in plan.depends_on.items():
            if condition == "service_healthy" and by_name[other].health is None:
                raise (
                    services.at(plan.name)
                    .at("depends_on")
                    .refuse(f"waits for {other} to be healthy, but that has no `healthcheck`")
                )


def _health(node: Node) -> HealthCheck | None:
    if not node:
        return None
    for _ in node.mapping(_HEALTHCHECK):
        pass
    if node.at("disable").value is True or node.at("test").value in ("NONE", ["NONE"]):
        return None
    times = {
        key: _convert(node.at(key), units.seconds)
        for key in ("interval", "timeout", "start_period", "start_interval")
        if node.at(key)
    }
    retries = _convert(node.at("retries"), _count) if node.at("retries") else HealthCheck.retries
    # Docker takes a zero as "not given".
    return HealthCheck(
        **{key: value for key, value in times.items() if value > 0}, retries=retries or HealthCheck.retries
    )


def _probe(node: Node, known: Collection[str]) -> Probe | None:
    if not node:
        return None
    pairs = list(node.mapping())
    if len(pairs) != 1 or pairs[0][0] not in ("http", "kafka"):
        raise node.refuse("must have exactly one key: http (a URL) or kafka (host:port)")
    kind, inner = pairs[0]
    address = _known(inner, known)
    if kind == "http":
        if not address.startswith("http://"):
            raise inner.refuse(f"is {address}; it must begin with http://")
        return Probe("http", address)
    return Probe("kafka", address)


def _restart(node: Node) -> Restart:
    if not node:
        return Restart()
    if node.value is False:
        raise node.refuse('is no without quotes, which YAML reads as false; write "no"')
    policy, _, most = node.text().partition(":")
    if policy not in _POLICIES or (most and (policy != "on-failure" or not most.isdecimal())):
        raise node.refuse(f"is {node.text()}; allowed: {', '.join(_POLICIES)}, on-failure:<number>")
    return Restart(policy, int(most or 0))  # type: ignore[arg-type] # checked one line above


def _memory_limit(node: Node) -> int | None:
    deploy, limit = node.at("deploy"), node.at("mem_limit")
    if deploy:
        for _ in deploy.mapping(("resources",)):
            pass
        resources = deploy.at("resources")
        for _ in resources.mapping(("limits",)):
            pass
        limits = resources.at("limits")
        for _ in limits.mapping(("memory",)):
            pass
        if limit and limits.at("memory"):
            raise limit.refuse("and `deploy.resources.limits.memory` are both there; give one")
        limit = limit or limits.at("memory")
    return _convert(limit, units.amount) if limit else None


def _signal(node: Node) -> str:
    name = node.text()
    full = name if name.startswith("SIG") else f"SIG{name}"
    if full not in signal.Signals.__members__:
        raise node.refuse(f"is {name}; it must be the name of a signal, such as SIGTERM or SIGINT")
    return full


def _choice(node: Node, allowed: tuple[T, ...]) -> T:
    for choice in allowed:
        if node.value == choice:
            return choice
    raise node.refuse(f"is {node.value}; allowed: {', '.join(map(str, allowed))}")


def _convert(node: Node, convert: Callable[[str], T]) -> T:
    text = node.text()
    try:
        return convert(text)
    except ValueError as error:
        raise node.refuse(f"is {text}; it must be {error}") from None


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("a whole number")
    return int(text)
