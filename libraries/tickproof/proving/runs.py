"""Runs of `robot`, one after the other, each in a fork of a process that has everything loaded."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from robot.api import ExecutionResult

from tickproof.evidence.replay import literal
from tickproof.proving.ended import Ended
from tickproof.stack.processes import die_with_parent

ROOT = "Lane"
"""How the root is called, whatever the sources are."""

_BROKE_OFF = 250
_ENDS_WITHIN = 15.0


class RunBrokeOffError(RuntimeError):
    """A run of `robot` ended without results."""


Tests = Mapping[str, Ended]
"""How the tests of a run ended, by their full names without the root: ``Suites.Pipeline.Bars Add Up.The Daily ...``."""


class Robots:
    """Starts runs. Use as a context manager; needs the main thread, whose life its processes share.

    Args:
        sources: Suites, as `robot` takes them; with several, each full name begins with its source's.
        environment: Variables for all runs.
    """

    def __init__(self, sources: Sequence[Path], environment: Mapping[str, str]) -> None:
        self._sources = [str(source.resolve()) for source in sources]
        self._environment = dict(environment)
        self._running: int | None = None

    def __enter__(self) -> Self:
        # One thread for linear algebra: a process with threads must not fork.
        environment = {**os.environ, **self._environment, "OPENBLAS_NUM_THREADS": "1"}
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "tickproof.proving.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
            start_new_session=True,  # Ctrl-C is ours to handle
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - called on the main thread
        )
        self._hear()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._running is not None:
            self._interrupt(self._running)
        self._zygote.kill()
        self._zygote.communicate()

    def run(
        self,
        results: Path,
        variables: Mapping[str, object],
        *,
        tests: Sequence[str] = (),
    ) -> Tests:
        """Run tests as a user would.

        Args:
            results: Output folder; what is in it is overwritten.
            variables: As of `robot -v`.
            tests: Full names without the root; none means all.

        Returns:
            How each ended. The folder holds output.xml and console.txt, but no log.html.

        Raises:
            RunBrokeOffError: It gave no results; the message has its last words.
        """
        results = results.resolve()
        results.mkdir(parents=True, exist_ok=True)
        said = results / "console.txt"
        chosen = [word for test in tests for word in ("--test", literal(f"{ROOT}.{test}"))]
        settings = [word for name, value in variables.items() for word in ("-v", f"{name}:{value}")]
        written = ["--log", "NONE", "--report", "NONE"]
        argv = ["-d", str(results), "--name", ROOT, *written, *settings, *chosen, *self._sources]
        order = {"argv": argv, "log": str(said)}
        assert self._zygote.stdin is not None
        self._zygote.stdin.write(json.dumps(order) + "\n")
        self._zygote.stdin.flush()
        self._running = self._hear()["pid"]
        code = self._hear()["code"]
        self._running = None
        if code >= _BROKE_OFF or not (results / "output.xml").exists():
            tail = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
            raise RunBrokeOffError(f"robot ended with code {code}: {' '.join(tail) or 'it said nothing'}")
        found = ExecutionResult(results / "output.xml").suite.all_tests
        return {
            each.full_name.removeprefix(f"{ROOT}."): Ended.told(each.status, each.message) for each in found
        }

    def _hear(self) -> dict[str, Any]:
        assert self._zygote.stdout is not None
        line = self._zygote.stdout.readline()
        if not line:
            raise RunBrokeOffError("The process that runs `robot` has ended.")
        answer: dict[str, Any] = json.loads(line)
        return answer

    @staticmethod
    def _interrupt(pid: int) -> None:
        """Let the run end in good order, its teardowns included; not for ever."""
        deadline = time.monotonic() + _ENDS_WITHIN
        try:
            os.kill(pid, signal.SIGINT)
            while time.monotonic() < deadline and _runs(pid):
                time.sleep(0.05)
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def _runs(pid: int) -> bool:
    """Tell whether a process that is not our child still runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
