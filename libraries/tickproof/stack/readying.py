"""Prepares a target's services ahead of any start: fetch and train once, with the progress on the console."""

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tickproof.stack import folders, interpolation, planning, preparation, processes
from tickproof.stack.errors import StackError, StackInputError
from tickproof.stack.model import ServicePlan
from tickproof.stack.spec import StackSpec

_LOOK_WITHIN = 60.0

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Readiness:
    """Whether a service that needs preparation has it.

    Attributes:
        service: its name.
        complete: whether all is there; None where its compose file does not say how to find out.
        said: what the look found, in a sentence.
    """

    service: str
    complete: bool | None
    said: str


def prepare_services(spec: StackSpec, progress: Progress) -> list[str]:
    """Run what each service of the compose file has to prepare; what is there already is not done again.

    Only the main thread may do this: the commands end with the thread that started them.

    Args:
        spec: The target's stack.
        progress: Called with each line that a preparation writes.

    Returns:
        The names of the services that are prepared.

    Raises:
        StackInputError: The compose file is wrong.
        StackError: A preparation failed.
    """
    services = planning.draft(spec).composition.services
    variables = _variables(spec)
    cache = Path(variables["CACHE_DIR"])
    folders.make_usable(cache, "TICKPROOF_CACHE_DIR")
    names = []
    for service in services:
        if not service.prepare:
            continue
        argv = _filled(spec, service, "prepare", service.prepare, variables)
        with folders.only_one(cache / preparation.LOCK, lambda: progress(preparation.WAITING)):
            exit_code = _run(service.name, argv, cache, progress)
        if exit_code:
            raise StackError(
                f"{service.name} could not be prepared (exit code {exit_code}); the line above says why."
            )
        names.append(service.name)
    return names


def look(spec: StackSpec) -> list[Readiness]:
    """Find out which services have what they need to start quickly and without a network; nothing is changed.

    Args:
        spec: The target's stack.

    Raises:
        StackInputError: The compose file is wrong.
    """
    variables = _variables(spec)
    return [
        _look(spec, service, variables)
        for service in planning.draft(spec).composition.services
        if service.prepare
    ]


def _look(spec: StackSpec, service: ServicePlan, variables: dict[str, str]) -> Readiness:
    if not service.prepared:
        return Readiness(
            service.name, None, "its x-local block has no command `prepared`, so nobody can tell"
        )
    program, *rest = _filled(spec, service, "prepared", service.prepared, variables)
    try:
        done = subprocess.run(
            [processes.executable(program), *rest],
            env=preparation.environment(variables["CACHE_DIR"]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_LOOK_WITHIN,
            check=False,
        )
    except OSError as error:
        return Readiness(service.name, None, f"{program} cannot be started: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Readiness(service.name, None, f"the look did not end within {_LOOK_WITHIN:g} s")
    said = done.stdout.strip().splitlines()[-1:] or [f"exit code {done.returncode}, without a word"]
    return Readiness(service.name, done.returncode == 0, said[0])


def _run(name: str, argv: Sequence[str], cache: Path, progress: Progress) -> int:
    environment = preparation.environment(str(cache))
    try:
        process = processes.spawn(argv, environment=environment, folder=cache, output=subprocess.PIPE)
    except OSError as error:
        raise StackError(f"{name} cannot be prepared: {argv[0]}: {error.strerror}.") from None
    try:
        assert process.stdout
        with process.stdout as output:
            for line in output:
                if text := line.decode("utf-8", "replace").strip():
                    progress(f"{name}: {text}")
        return processes.exit_code(process.wait())
    finally:
        processes.signal_group(process.pid, signal.SIGKILL)
        process.wait()


def _variables(spec: StackSpec) -> dict[str, str]:
    """Return what is known before any start, the target's own settings before the environment's."""
    known = {**os.environ, "CACHE_DIR": str(folders.cache_folder()), "SYMBOLS": ",".join(spec.symbols)}
    early = {name: text for name, text in spec.environment.items() if _needs(text) <= known.keys()}
    late = spec.environment.keys() - early.keys()
    told = {**known, **planning.filled(early, known)}
    return {name: value for name, value in told.items() if name not in late}


def _needs(text: str) -> set[str]:
    try:
        return interpolation.names(text)
    except ValueError:  # a form of Compose's that is not supported: told when it is filled in
        return set()


def _filled(
    spec: StackSpec, service: ServicePlan, key: str, words: Sequence[str], variables: dict[str, str]
) -> list[str]:
    try:
        return [interpolation.fill(word, variables) for word in words]
    except KeyError as error:
        raise StackInputError(
            f"{spec.compose}: key `services.{service.name}.x-local.{key}` needs the variable {error.args[0]}, "
            "which is not known before a stack starts; known then: CACHE_DIR, SYMBOLS, the environment, "
            "and what the target's stack.environment makes of them."
        ) from None
