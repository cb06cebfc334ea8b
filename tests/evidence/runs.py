"""Small runs of Robot Framework with a library that carries the listener."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from robot.api import ExecutionResult
from robot.result import Keyword, Message, TestCase, TestSuite

LIBRARY = """
import base64
from pathlib import Path
from robot.api import FatalError, logger
from robot.api.deco import keyword, library
from robot.api.types import Secret
from robot.libraries.BuiltIn import BuiltIn
from tickproof.evidence.listener import RunListener
from tickproof.evidence.tables import Html
from tickproof.verdicts import Void

@library(scope="GLOBAL")
class Kit:
    def __init__(self):
        self.state = "up"
        listener = RunListener(kit="Kit")
        listener.require(self._check)
        listener.announce(lambda: "toy (hash 1234)")
        listener.conclude(lambda: Html("<p>seed 7</p>"))
        listener.explain("Services", lambda: f"feed <{self.state}>")
        listener.explain("Lag", lambda: Html("<b>17 rows</b>"))
        listener.explain("Snapshot", self._no_lake)
        self.ROBOT_LIBRARY_LISTENER = listener

    def _check(self):
        if BuiltIn().get_variable_value("${TARGET}") == "nonsense":
            raise FatalError("There is no target ${nonsense}, so nothing was started.")

    def _no_lake(self):
        raise OSError("the lake is gone")

    @keyword
    def things_should_be(self, wanted: str, found: str):
        assert wanted == found, f"should be {wanted}, but is {found}."

    @keyword
    def feed_is(self, state: str):
        self.state = state

    @keyword
    def cannot_judge(self):
        raise Void("nothing was sent.")

    @keyword
    def log_in(self, key: Secret):
        basic = base64.b64encode(f"me:{key.value}".encode()).decode()
        logger.info(f"key {key.value}, Authorization: Basic {basic}")
        logger.warn(f"key {key.value}")

    @keyword
    def leave(self, key: Secret, name: str):
        folder = Path(BuiltIn().get_variable_value("${OUTPUT DIR}"))
        (folder / name).write_text(f"a {key.value} z")

    @keyword
    def leave_beside_log(self, key: Secret, name: str):
        log = Path(BuiltIn().get_variable_value("${LOG FILE}"))
        (log.parent / name).write_text(f"a {key.value} z")

    @keyword
    def leave_late(self, key: Secret):
        from robot.output import LOGGER
        from robot.output.loggerapi import LoggerApi
        folder = Path(BuiltIn().get_variable_value("${OUTPUT DIR}"))
        class Late(LoggerApi):
            def report_file(self, path):
                (folder / "late.txt").write_text(key.value)
        LOGGER.register_logger(Late())
"""


@dataclass(frozen=True)
class Ended:
    """What a run left behind."""

    code: int
    stdout: str
    stderr: str
    folder: Path

    @property
    def suite(self) -> TestSuite:
        return ExecutionResult(self.folder / "output.xml").suite

    @property
    def tests(self) -> dict[str, TestCase]:
        return {test.name: test for test in self.suite.all_tests}

    def text(self, name: str) -> str:
        return (self.folder / name).read_text()


RunRobot = Callable[..., Ended]


def messages(item: TestCase | Keyword) -> list[str]:
    """Return what stands in the log directly under a test or keyword."""
    return [item.message for item in item.body if isinstance(item, Message)]
