"""Keywords that read what the services of the platform wrote, as a log collector does."""

import json
from collections.abc import Iterator
from pathlib import Path

from robot.api import logger
from robot.api.deco import keyword, library

from tickproof import session
from tickproof.evidence.redaction import SECRETS
from tickproof.verdicts import Void

_KEYS = ("time", "level", "service", "event")
_BAD = ("error", "critical")
_SHOWN = 200


@library(scope="GLOBAL")
class Logs:
    """Judges the logs of the target's stack: a JSON object a line, and errors only where something is wrong.

    Example:
    | Remember Logs
    | Send Trades    1500
    | Hops Should Hold Every Trade
    | Logs Should Be Structured And Tell No Error
    """

    @keyword
    def remember_logs(self) -> None:
        """Note how far each service's log goes now; what comes after it is judged later."""
        session.current().own_scene().logs = {path: path.stat().st_size for path in _files()}

    @keyword
    def logs_should_be_structured_and_tell_no_error(self) -> None:
        """See that each line written since the logs were remembered is structured, and that none tells of an error.

        Structured is a JSON object with the keys time, level, service and event.

        Raises:
            AssertionError: A line is free text, or tells of an error.
            Void: The logs were not remembered before, or no service wrote a line at all.
        """
        before = session.current().scene.logs
        if before is None:
            raise Void("the logs were not noted before; use `Remember Logs` first.")
        lines, free, bad = 0, [], []
        for path in _files():
            for line in _since(path, before.get(path, 0)):
                lines += 1
                told = _structured(line)
                if told is None:
                    free.append(
                        f"{path.stem} should write structured lines only, but it wrote: {line[:_SHOWN]}"
                    )
                elif told["level"] in _BAD:
                    bad.append(f"{path.stem} should tell of no error, but it wrote: {line[:_SHOWN]}")
        if found := free + bad:
            for each in found[1:]:
                logger.info(SECRETS.redact(each))
            more = f" (and {len(found) - 1} more such lines, see the log)" if len(found) > 1 else ""
            raise AssertionError(SECRETS.redact(found[0]) + more)
        if not lines:
            raise Void("no service wrote a line, so there was nothing to judge.")
        logger.info(f"{lines} lines were written; all are structured, none tells of an error.")


def _files() -> list[Path]:
    stack = session.current().stack
    return [
        path
        for state in stack.status()
        if not state.companion and (path := stack.folder / "logs" / f"{state.name}.log").exists()
    ]


def _since(path: Path, start: int) -> Iterator[str]:
    with path.open("rb") as log:
        log.seek(start)
        for line in log:
            if line.endswith(b"\n") and line.strip():
                yield line.decode("utf-8", "replace").strip()


def _structured(line: str) -> dict[str, object] | None:
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) and all(isinstance(told.get(key), str) for key in _KEYS) else None
