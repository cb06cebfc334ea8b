"""Prepares a target's services ahead of any start: fetch and train once, with the progress on the console."""

import os
import subprocess
from collections.abc import Iterator

from tickproof.stack import folders, interpolation, planning, processes
from tickproof.stack.errors import StackError
from tickproof.stack.spec import StackSpec


def prepare_services(spec: StackSpec) -> Iterator[str]:
    """Run what each service of the compose file has to prepare; what is there already is not done again.

    Args:
        spec: The target's stack.

    Yields:
        The names of the services that are prepared.

    Raises:
        StackInputError: The compose file is wrong.
        StackError: A preparation failed; it said why on the console.
    """
    draft = planning.draft(spec)
    cache = folders.cache_folder()
    folders.make_usable(cache, "TICKPROOF_CACHE_DIR")
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "CACHE_DIR": str(cache)}
    for service in draft.composition.services:
        if not service.prepare:
            continue
        program, *rest = (interpolation.fill(word, environment) for word in service.prepare)
        argv = [processes.executable(program), *rest]
        try:
            exit_code = subprocess.run(argv, env=environment, check=False).returncode
        except OSError as error:
            raise StackError(f"{service.name} cannot be prepared: {argv[0]}: {error.strerror}.") from None
        if exit_code:
            raise StackError(
                f"{service.name} could not be prepared (exit code {exit_code}); the line above says why."
            )
        yield service.name
