"""What is asked of a stack, before anything is looked up on this machine."""

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Union

from tickproof.stack.errors import StackInputError

if TYPE_CHECKING:
    from tickproof.target import Target

_API_KEYS = {"default": 10_000_000, "limited": 300}


@dataclass(frozen=True)
class StackSpec:
    """A stack as its user describes it.

    Attributes:
        name: by which a kept stack is found again.
        compose: the compose file.
        environment: variables for the compose file's templates; they may name those of the driver.
        exchange: whether the simulated exchange accompanies the services.
        symbols: that the platform is to follow.
        api_keys: requests a minute by the name of a client; the keys themselves are drawn for each stack.
        docker: whether the services are containers; else they are local processes.
    """

    name: str
    compose: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    exchange: bool = False
    symbols: tuple[str, ...] = ()
    api_keys: Mapping[str, int] = field(default_factory=lambda: dict(_API_KEYS))
    docker: bool = False

    def settings(self) -> dict[str, str]:
        """Return the variables that are known before the start: the spec's own before the environment's."""
        return {**os.environ, **self.environment}

    def digest(self, text: str, used: Mapping[str, str]) -> str:
        """Return a fingerprint: a kept stack with another one is not the stack that is asked for.

        Args:
            text: of the compose file.
            used: values of the environment that the compose file names.
        """
        told = [
            text,
            dict(self.environment),
            self.exchange,
            self.symbols,
            dict(self.api_keys),
            self.docker,
            dict(used),
        ]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def draw_keys(rates: Mapping[str, int]) -> tuple[str, tuple[str, ...]]:
    """Draw a new key for each client.

    Returns:
        The text for API_KEYS (`name:key:requests a minute`, separated by commas), and the keys alone.
    """
    drawn = {name: secrets.token_urlsafe(24) for name in rates}
    return ",".join(f"{name}:{key}:{rates[name]}" for name, key in drawn.items()), tuple(drawn.values())


def of_target(target: Union["Target", StackSpec]) -> StackSpec:
    """Return what a target asks of its stack.

    Raises:
        StackInputError: the target's platform is not started here.
    """
    if isinstance(target, StackSpec):
        return target
    compose = target.compose_file
    if target.stack.driver == "attach" or compose is None:
        raise StackInputError(
            f"Target {target.name} has the driver {target.stack.driver}: its platform is not started here."
        )
    return StackSpec(
        name=target.name,
        compose=compose,
        environment=target.stack.environment,
        exchange=True,
        symbols=target.domain.symbols or _all_symbols(),
        docker=target.stack.driver == "docker",
    )


def _all_symbols() -> tuple[str, ...]:
    from tickproof.exchange.symbols import catalogue  # noqa: PLC0415 - the supervisor need not load the exchange

    return tuple(catalogue())
