"""From what is asked for to a plan for the supervisor: variables, ports, dependencies."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tickproof.stack import compose, document, interpolation
from tickproof.stack.errors import StackInputError
from tickproof.stack.model import HealthCheck, Probe, ServicePlan, StackPlan
from tickproof.stack.ports import Ports
from tickproof.stack.spec import StackSpec, draw_keys

EXCHANGE = "exchange"
_FROM_EXCHANGE = tuple(
    f"EXCHANGE_{name}" for name in ("WS_URL", "WSS_URL", "REST_URL", "REST_TLS_URL", "CONTROL_URL", "CA_FILE")
)
_FROM_DRIVER = ("STATE_DIR", "CACHE_DIR", "SYMBOLS", "API_KEYS")
_EXCHANGE_PORTS = ("EXCHANGE_PORT", "EXCHANGE_TLS_PORT", "EXCHANGE_CONTROL_PORT")


@dataclass(frozen=True)
class Draft:
    """A checked compose file and the fingerprint of all that it was made of; nothing is reserved yet."""

    spec: StackSpec
    composition: compose.Composition
    digest: str


def draft(spec: StackSpec) -> Draft:
    """Read and check the compose file.

    Raises:
        StackInputError: it is missing or wrong.
    """
    root, text = document.read(spec.compose, spec.settings())
    supplied = (*_FROM_DRIVER, *(_FROM_EXCHANGE if spec.exchange else ()))
    composition = compose.parse(root, supplied)
    used = {name: os.environ[name] for name in sorted(composition.mentioned) if name in os.environ}
    services = tuple(_with_exchange(plan, spec, root) for plan in composition.services)
    return Draft(spec, replace(composition, services=services), spec.digest(text, used))


def plan(draft: Draft, folder: Path, cache: Path, ports: Ports) -> StackPlan:
    """Settle what is open: ports, keys and folders.

    Args:
        draft: the checked compose file.
        folder: of the run.
        cache: the folder of what is fetched once.
        ports: takes the chosen ports.

    Raises:
        StackInputError: a variable that the target sets cannot be filled in, or its port is in use.
    """
    spec = draft.spec
    wanted = [name for service in draft.composition.services for name in service.ports]
    chosen = ports.choose([*wanted, *(_EXCHANGE_PORTS if spec.exchange else ())], spec.environment)
    keys, secrets = draw_keys(spec.api_keys)
    variables = {
        **{name: os.environ[name] for name in draft.composition.mentioned if name in os.environ},
        **{name: str(port) for name, port in chosen.items()},
        "STATE_DIR": str(folder / "data"),
        "CACHE_DIR": str(cache),
        "SYMBOLS": ",".join(spec.symbols),
        "API_KEYS": keys,
    }
    variables |= filled(spec.environment, variables)
    host = _containers_see_us_at(spec, variables) if spec.docker else "127.0.0.1"
    companions = (_exchange(folder, host),) if spec.exchange else ()
    services = (*companions, *draft.composition.services)
    containers = str(spec.compose) if spec.docker else None
    return StackPlan(spec.name, draft.digest, services, variables, secrets, containers)


def _containers_see_us_at(spec: StackSpec, variables: Mapping[str, str]) -> str:
    """See that Docker can run the services; return the address by which they reach the exchange."""
    from tickproof.stack.docker import engine  # noqa: PLC0415 - only those need it whose target is run by Docker

    client = engine.connect()
    engine.require_images(client, spec.compose, {**variables, **dict.fromkeys(_FROM_EXCHANGE, "unknown")})
    return engine.gateway(client)


def filled(environment: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """Return a target's own variables with others filled in.

    Args:
        environment: what the target sets.
        variables: what the driver supplies.

    Raises:
        StackInputError: one names a variable that nobody sets.
    """
    values = {}
    for name, text in environment.items():
        try:
            values[name] = interpolation.fill(text, {**os.environ, **variables})
        except KeyError as error:
            raise StackInputError(
                f"The target's stack.environment: {name} needs the variable {error.args[0]}, which is not "
                f"set; the driver supplies {', '.join(sorted(variables))}."
            ) from None
        except ValueError as error:
            raise StackInputError(f"The target's stack.environment: {name} holds {error}.") from None
    return values


_ROOM_FOR_ALL_TESTS = "60000"
"""Request weight a minute, ten times the venue's."""


def _exchange(folder: Path, host: str) -> ServicePlan:
    state = folder / EXCHANGE
    ports = (f"${{{name}}}" for name in _EXCHANGE_PORTS)
    options = zip(("--port", "--tls-port", "--control-port"), ports, strict=True)
    return ServicePlan(
        name=EXCHANGE,
        command=(
            "python",
            "-m",
            "tickproof.exchange",
            "--state",
            str(state),
            "--watch-stdin",
            "--market-host",
            host,
            # All tests of a run share one exchange and ask from one address: the venue's own limit would have
            # tests in parallel wait for each other. A test about limits sets one of its own.
            "--weight-limit",
            _ROOM_FOR_ALL_TESTS,
            *(word for pair in options for word in pair),
        ),
        health=HealthCheck(start_period=60.0, start_interval=0.02),
        probe=Probe("file", str(state / "exchange.json")),
        stop_grace=2.0,
        companion=True,
    )


def _with_exchange(service: ServicePlan, spec: StackSpec, root: document.Node) -> ServicePlan:
    """Let a service wait for the exchange when it needs to know where that is."""
    node = root.at("services").at(service.name)
    if not spec.exchange:
        return service
    if service.name == EXCHANGE:
        raise node.refuse(
            "has the name of the simulated exchange, which the kit starts itself; call it otherwise"
        )
    if interpolation.mentioned(service.prepare) & set(_FROM_EXCHANGE):
        raise (
            node.at("x-local")
            .at("prepare")
            .refuse("names an address of the exchange, which is not known yet at that time")
        )
    if not interpolation.mentioned(compose.templates(service)) & set(_FROM_EXCHANGE):
        return service
    return replace(service, depends_on={**service.depends_on, EXCHANGE: "service_healthy"})
