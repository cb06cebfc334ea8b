"""What happens when a run is over: its summary, and a last look for secrets in everything it wrote.

That is the output folder, and those of Robot's own files that were sent elsewhere.

Robot calls its loggers when it has written `output.xml`, before it makes `log.html` from it. A failed test that is
added at this moment, to the file and to the result in memory, shows in the log, the report and the return code
alike. Files written later are looked at when the logger closes; a secret found there still makes the run red, by an
exit code of its own.
"""

import glob
import sys
from collections.abc import Sequence
from pathlib import Path

from robot import result
from robot.api import ExecutionResult, logger
from robot.libraries.BuiltIn import BuiltIn
from robot.output import LOGGER  # type: ignore[import-untyped] # Robot types its public API only
from robot.output.loggerapi import LoggerApi  # type: ignore[import-untyped] # same

from tickproof.evidence.redaction import SECRETS, Leak
from tickproof.evidence.tally import Tally

EXIT_CODE = 249
"""Of a run that left a secret in a file written last; Robot's own codes for trouble begin at 250."""


class AfterRun(LoggerApi):  # type: ignore[misc] # same
    """Waits for the end of one run."""

    def __init__(self, root: result.TestSuite, tally: Tally) -> None:
        self.over = False
        self._root = root
        self._tally = tally
        self._folder = Path(str(BuiltIn().get_variable_value("${OUTPUT DIR}")))
        # Robot tells of the others as it writes them; this one it has open from the beginning.
        self._files = {Path(debug)} if (debug := _file_of("${DEBUG FILE}")) else set()

    def sign_up(self) -> None:
        """Ask Robot's logger to be told of the run's end."""
        LOGGER.register_logger(self)

    def output_file(self, path: Path | None) -> None:
        """Look for secrets, judge the run as a whole, and tell the summary."""
        failures: dict[str, str] = {}
        self._note(path)
        if leaks := SECRETS.clean(self._folder, self._files):
            failures["The Output Holds No Secret"] = _sentence(leaks, self._folder)
        if (reason := self._tally.red_reason()) and not self._root.statistics.failed:
            failures["The Run Gives A Verdict"] = reason
        if failures:
            self._fail(failures, path)
        logger.console(self._tally.sentence())

    def log_file(self, path: Path) -> None:
        """Note where the log is; what of it was split off stands beside it."""
        self._note(path, *path.parent.glob(f"{glob.escape(path.stem)}-*.js"))

    def report_file(self, path: Path) -> None:
        """Note where the report is."""
        self._note(path)

    def xunit_file(self, path: Path) -> None:
        """Note where the xUnit file is."""
        self._note(path)

    def debug_file(self, path: Path) -> None:
        """Note where the debug file is."""
        self._note(path)

    def close(self) -> None:
        """Look once more: the log, the report and whatever was written last."""
        self.over = True
        if leaks := SECRETS.clean(self._folder, self._files):
            print(f"[ ERROR ] {_sentence(leaks, self._folder)}", file=sys.__stderr__)
            raise SystemExit(EXIT_CODE)

    def _note(self, *paths: Path | None) -> None:
        self._files |= {path for path in paths if path}

    def _fail(self, failures: dict[str, str], path: Path | None) -> None:
        written = ExecutionResult(path) if path else None
        for name, message in failures.items():
            self._root.tests.create(name=name, status="FAIL", message=message)
            if written:
                written.suite.tests.create(name=name, status="FAIL", message=message)
            logger.error(message)
        if written:
            written.save(path)


def _sentence(leaks: Sequence[Leak], folder: Path) -> str:
    names = ", ".join(sorted({leak.secret for leak in leaks}))
    files = ", ".join(sorted({_told(leak.path, folder) for leak in leaks}))
    places = sum(leak.places for leak in leaks)
    return f"No secret should be in the output, but {names} stood in {files} ({places} times); it was overwritten."


def _told(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _file_of(variable: str) -> str | None:
    """Return the path that one of Robot's variables holds; it says NONE where there is no such file."""
    value = str(BuiltIn().get_variable_value(variable, "NONE"))
    return None if value.upper() == "NONE" else value
