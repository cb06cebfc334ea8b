"""The listener of a run: refuses nonsense, explains failures, redacts secrets, counts verdicts.

A keyword library carries it as `ROBOT_LIBRARY_LISTENER`, so that nobody can forget a flag. Robot tells listeners of
libraries nothing of the result files, so at the run's first suite it also signs up an `AfterRun` with Robot's
logger.
"""

from collections.abc import Callable
from html import escape
from typing import Any

from robot import result, running
from robot.api import logger
from robot.api.types import Secret
from robot.libraries.BuiltIn import BuiltIn

from tickproof.evidence.after import AfterRun
from tickproof.evidence.judges import judges
from tickproof.evidence.redaction import SECRETS
from tickproof.evidence.refusing import refuse_run
from tickproof.evidence.tables import Html
from tickproof.evidence.tally import Tally, void_message

Explainer = Callable[[], str]
"""Returns what it knows: `Html`, or plain text."""


class RunListener:
    """Listens to a run on behalf of a keyword library (listener API v3).

    Args:
        kit: The package whose keywords judge when their names say "should".
    """

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self, kit: str = "tickproof") -> None:
        self._kit = kit
        self._explainers: dict[str, Explainer] = {}
        self._target: Explainer = lambda: "not named"
        self._check: Callable[[], object] = lambda: None
        self._evidence: Explainer | None = None
        self._after: AfterRun | None = None
        self._tally = Tally()
        self._judged = False
        self._explanation = ""
        self._last: object = None
        self._announcement = ""

    def explain(self, title: str, explainer: Explainer) -> None:
        """Let failed tests show what it knows: service states, last log lines, lag, newest snapshot."""
        self._explainers[title] = explainer

    def announce(self, target: Explainer) -> None:
        """Let the log begin with the run's target and its hash."""
        self._target = target

    def require(self, check: Callable[[], object]) -> None:
        """Let no test run when this raises: each fails with its sentence."""
        self._check = check

    def conclude(self, evidence: Explainer) -> None:
        """Let each test that judged, or failed on the way, end with this: its seed, and how to replay it."""
        self._evidence = evidence

    def start_suite(self, data: running.TestSuite, suite: result.TestSuite) -> None:
        """Begin the run at its first suite."""
        _note_secrets()
        if self._after is None or self._after.over:
            self._begin(data, suite)

    def start_test(self, _data: running.TestCase, _test: result.TestCase) -> None:
        """Begin the log with the target."""
        _note_secrets()
        self._judged = False
        self._explanation = ""
        self._announce()

    def start_body_item(self, _data: object, _item: object) -> None:
        """Begin the log with the target, when a suite's setup comes before any test."""
        self._announce()

    def end_library_keyword(
        self, data: running.Keyword, implementation: running.LibraryKeyword, item: result.Keyword
    ) -> None:
        """Note what judges."""
        if item.status in {"PASS", "FAIL"}:
            self._judged |= judges(implementation, item.args, kit=self._kit)
        self.end_body_item(data, item)

    def end_body_item(self, _data: object, item: Any) -> None:  # noqa: ANN401 - any of Robot's result classes
        """Redact what was written as arguments or values; look at the platform where a test or a setup just failed."""
        if isinstance(item, result.Var):
            _note_secrets()
        for name in (
            ("args", "message") if isinstance(item, result.Keyword) else ("value", "values", "message")
        ):
            if value := getattr(item, name, None):
                setattr(item, name, _redacted(value))
        if item.status == "FAIL":
            self._explain(item.parent)

    def log_message(self, message: result.Message) -> None:
        """Redact what any library logs."""
        message.message = SECRETS.redact(message.message)

    def message(self, message: result.Message) -> None:
        """Redact what Robot itself says."""
        message.message = SECRETS.redact(message.message)

    def end_test(self, data: running.TestCase, test: result.TestCase) -> None:
        """Count the test, tell how to replay it, explain it if it failed; fail the last one if nothing was judged."""
        _note_secrets()
        if test.failed and (void := void_message(test.message)):
            test.message = void
        test.message = SECRETS.redact(test.message)
        self._tally.count(test.status, test.message, judged=self._judged)
        if self._evidence and (self._judged or self._explanation):
            logger.info(_told(self._evidence), html=True)
        if test.failed and self._explanation:
            logger.info(self._explanation, html=True)
        if data is self._last and not test.failed and (reason := self._tally.red_reason()):
            test.status = "FAIL"
            test.message = f"{reason}\n\n{test.message}".strip()

    def _begin(self, data: running.TestSuite, suite: result.TestSuite) -> None:
        self._tally = Tally()
        if BuiltIn().dry_run_active:
            return
        begun = data
        while data.parent:
            data = data.parent
        while suite.parent:
            suite = suite.parent
        self._last = next(reversed(list(data.all_tests)), None)
        self._after = AfterRun(suite, self._tally)
        self._after.sign_up()
        try:
            self._check()
            target = self._target()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it: a run without a target must not be green
            refuse_run(begun, str(error) or f"The run cannot begin: {type(error).__name__}.")
            return
        suite.metadata["Target"] = target
        self._announcement = f"Target {target}"

    def _announce(self) -> None:
        if self._announcement:
            logger.info(self._announcement)
            self._announcement = ""

    def _explain(self, parent: object) -> None:
        """Look at the platform while it still is as it was when something failed: no teardown has mended it yet.

        Tests show it at their end; a setup or teardown of a suite, once for all of its tests, where it failed.
        """
        if not self._explainers:
            return
        if isinstance(parent, result.TestCase):
            self._explanation = self._explanation or self._explained()
        elif isinstance(parent, result.TestSuite):
            logger.info(self._explained(), html=True)

    def _explained(self) -> str:
        parts = [f"<h4>{escape(title)}</h4>{_told(one)}" for title, one in self._explainers.items()]
        return f"<details><summary>The platform when this failed</summary>{''.join(parts)}</details>"


def _told(explainer: Explainer) -> str:
    try:
        text = explainer()
    except Exception as error:  # noqa: BLE001 - whatever is broken: evidence must not hide the failure it explains
        text = f"cannot be told: {error}"
    return text if isinstance(text, Html) else f"<pre>{escape(text)}</pre>"


def _redacted(value: object) -> object:
    if isinstance(value, str):
        return SECRETS.redact(value)
    if isinstance(value, list | tuple):
        return type(value)(_redacted(one) for one in value)
    return value


def _note_secrets() -> None:
    """Learn every secret that is a variable now."""
    for name, value in BuiltIn().get_variables().items():
        if isinstance(value, Secret):
            SECRETS.note(name, value)
