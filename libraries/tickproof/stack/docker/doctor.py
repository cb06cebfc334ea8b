"""Looks over what a stack of containers needs: the engine, Compose, the images, memory."""

from typing import Any

from tickproof.stack.docker import engine
from tickproof.stack.errors import StackInputError
from tickproof.stack.finding import Finding
from tickproof.stack.spec import StackSpec

_NEEDED_GB = 3.0


def examine(spec: StackSpec) -> list[Finding]:
    """Look at all that containers need; what cannot be looked at without something else is left out.

    Args:
        spec: the stack.
    """
    try:
        client = engine.connect()
    except StackInputError as error:
        return [_bad("Docker engine", error)]
    findings = [engine_of(client.version()), memory(client.info()["MemTotal"])]
    try:
        compose = " ".join(engine.compose_command())
    except StackInputError as error:
        return [*findings, _bad("Compose", error)]
    findings.append(Finding("ok", "Compose", compose))
    try:
        engine.require_images(client, spec.compose, {})
    except StackInputError as error:
        return [*findings, _bad("images", error)]
    return [*findings, Finding("ok", "images", "all are on this machine")]


def engine_of(version: dict[str, Any]) -> Finding:
    """Judge the engine's version."""
    seen = f"{version['Version']}, API {version['ApiVersion']}"
    if not engine.knows_start_interval(version):
        advice = "works, but readiness is seen a second late at most; Docker 25 and newer look more often"
        return Finding("note", "Docker engine", seen, advice)
    return Finding("ok", "Docker engine", seen)


def memory(total: int) -> Finding:
    """Judge the memory that the engine has, in bytes."""
    seen = f"{total / 1e9:.1f} GB for containers"
    if total < _NEEDED_GB * 1e9:
        advice = f"the services' limits add up to {_NEEDED_GB:g} GB; give the engine more"
        return Finding("bad", "memory", seen, advice)
    return Finding("ok", "memory", seen)


def _bad(what: str, error: StackInputError) -> Finding:
    seen, _, advice = str(error).partition("; ")
    return Finding("bad", what, seen, advice)
