"""Keywords that read what a compose file declares, and hold it to what operators rely on."""

from collections.abc import Callable, Mapping
from typing import Any

import yaml
from robot.api.deco import keyword, library

from tickproof import session
from tickproof.misuse import one_of, some
from tickproof.verdicts import Void

Declared = Mapping[str, Any]

_AGAIN = ("always", "unless-stopped", "on-failure")
_HERE = ("127.0.0.1", "[::1]", "localhost")


@library(scope="GLOBAL")
class DeclaredStack:
    """Holds the services of the target's compose file to what operators ask of every service.

    Example:
    | Every Service Should Declare    a memory limit
    """

    @keyword
    def every_service_should_declare(self, what: str) -> None:
        """See that each service of the compose file declares what operators rely on.

        Args:
            what: One of: a health check, a memory limit, a restart policy, a grace period, bounded logs,
                a read-only root, no privileges, a network of its own, ports on loopback only, an init process.

        Raises:
            AssertionError: A service does not.
        """
        one_of("promise of a service", what, PROMISES)
        keeps = PROMISES[what]
        broken = [f"{name} ({why})" for name, service in _services().items() if (why := keeps(service))]
        if broken:
            raise AssertionError(f"Every service should declare {what}, but not so: {', '.join(broken)}.")

    @keyword
    def service_should_have_started_after(self, service: str, *others: str) -> None:
        """See by the stack's timeline that a service was first started after those that it needs.

        Args:
            service: Its name in the compose file.
            others: Names of those that it needs.

        Raises:
            AssertionError: It was started before one of them.
            Void: One was never started.
        """
        some("service that it needs", others)
        started: dict[str, int] = {}
        for event in session.current().stack.events():
            if event.what == "started":
                started.setdefault(event.service, event.at_ns)
        for name in (service, *others):
            one_of("service", name, _services())
            if name not in started:
                raise Void(f"{name} was never started.")
        for name in others:
            if started[service] < started[name]:
                raise AssertionError(
                    f"{service} should be started after {name}, but it was started "
                    f"{(started[name] - started[service]) / 1e9:.2f} s before."
                )


def _services() -> dict[str, Declared]:
    target = session.current().target
    if target.compose_file is None:
        raise Void("the target's stack has no compose file (`stack.compose`), so nothing is declared.")
    document = yaml.safe_load(target.compose_file.read_text(encoding="utf-8"))
    services: dict[str, Declared] = document.get("services") or {}
    if not services:
        raise Void(f"{target.compose_file} declares no service.")
    return services


def _health_check(service: Declared) -> str:
    check = service.get("healthcheck") or {}
    if not check.get("test") or check.get("disable"):
        return "there is none"
    unbounded = [key for key in ("interval", "timeout", "retries") if key not in check]
    return f"it has no {unbounded[0]}" if unbounded else ""


def _memory_limit(service: Declared) -> str:
    limits = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    return "" if service.get("mem_limit") or limits.get("memory") else "there is none"


def _restart(service: Declared) -> str:
    policy = str(service.get("restart", "no")).split(":")[0]
    return "" if policy in _AGAIN else f"it is {policy}"


def _grace(service: Declared) -> str:
    return "" if service.get("stop_grace_period") else "there is none"


def _bounded_logs(service: Declared) -> str:
    options = (service.get("logging") or {}).get("options") or {}
    absent = [key for key in ("max-size", "max-file") if key not in options]
    return f"there is no {absent[0]}" if absent else ""


def _read_only(service: Declared) -> str:
    return "" if service.get("read_only") is True else "it can be written"


def _no_privileges(service: Declared) -> str:
    if service.get("privileged"):
        return "it is privileged"
    if "ALL" not in (service.get("cap_drop") or []):
        return "it keeps capabilities"
    if added := service.get("cap_add"):
        return f"it adds {', '.join(added)}"
    return "" if "no-new-privileges:true" in (service.get("security_opt") or []) else "it may gain some"


def _own_network(service: Declared) -> str:
    return f"it shares that of the {service['network_mode']}" if "network_mode" in service else ""


def _loopback(service: Declared) -> str:
    for port in service.get("ports") or []:
        host = port.get("host_ip", "") if isinstance(port, dict) else str(port).rpartition(":")[0]
        if not host.startswith(_HERE):
            return f"{port} is open to the world"
    return ""


def _init(service: Declared) -> str:
    return "" if service.get("init") is True else "there is none"


PROMISES: Mapping[str, Callable[[Declared], str]] = {
    "a health check": _health_check,
    "a memory limit": _memory_limit,
    "a restart policy": _restart,
    "a grace period": _grace,
    "bounded logs": _bounded_logs,
    "a read-only root": _read_only,
    "no privileges": _no_privileges,
    "a network of its own": _own_network,
    "ports on loopback only": _loopback,
    "an init process": _init,
}
"""By what a service declares, a function that says in words how one does not; empty where it does."""
