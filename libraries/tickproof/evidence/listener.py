"""The listener of a run: explains failures, redacts secrets, counts verdicts, and lets no empty run be green.

A keyword library carries it as `ROBOT_LIBRARY_LISTENER`, so that nobody can forget a flag. Robot tells listeners of
libraries nothing of the result files, so at the run's first suite it also signs up an `AfterRun` with Robot's
logger.
"""

import contextlib
import re
from collections.abc import Callable
from html import escape
from typing import Any

from robot import result, running
from robot.api import logger
from robot.api.types import Secret
from robot.libraries.BuiltIn import BuiltIn

from tickproof.evidence.after import AfterRun
from tickproof.evidence.redaction import SECRETS
from tickproof.evidence.tables import Html
from tickproof.evidence.tally import Tally, void_message

JUDGING = re.compile(r"\bshould\b", re.IGNORECASE)
"""By the naming rule a keyword that judges says what should be."""

Explainer = Callable[[], str]
"""Returns what it knows when a test failed: `Html`, or plain text."""


class RunListener:
    """Listens to a run on behalf of a keyword library (listener API v3)."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self) -> None:
        self._explainers: dict[str, Explainer] = {}
        self._target: Explainer = lambda: "not named"
        self._after: AfterRun | None = None
        self._tally = Tally()
        self._judged = False
        self._last: object = None
        self._announcement = ""

    def explain(self, title: str, explainer: Explainer) -> None:
        """Let failed tests show what it knows: service states, last log lines, lag, newest snapshot."""
        self._explainers[title] = explainer

    def announce(self, target: Explainer) -> None:
        """Let the log begin with the run's target and its hash."""
        self._target = target

    def judged(self) -> None:
        """Note that the running test gives a verdict; keywords whose names say "should" need not."""
        self._judged = True

    def start_suite(self, data: running.TestSuite, suite: result.TestSuite) -> None:
        """Begin the run at its first suite."""
        _note_secrets()
        if self._after is None or self._after.over:
            self._begin(data, suite)

    def start_test(self, _data: running.TestCase, _test: result.TestCase) -> None:
        """Begin the log with the target."""
        _note_secrets()
        self._judged = False
        if self._announcement:
            logger.info(self._announcement)
            self._announcement = ""

    def end_body_item(self, _data: object, item: Any) -> None:  # noqa: ANN401 - any of Robot's result classes
        """Note what judges, and redact what was written as arguments or values."""
        spoken: tuple[str, ...] = ("value", "values", "message")
        if isinstance(item, result.Keyword):
            spoken = ("args", "message")
            self._judged |= item.status in {"PASS", "FAIL"} and bool(JUDGING.search(item.name or ""))
        if isinstance(item, result.Var):
            _note_secrets()
        for name in spoken:
            if value := getattr(item, name, None):
                setattr(item, name, _redacted(value))

    def log_message(self, message: result.Message) -> None:
        """Redact what any library logs."""
        message.message = SECRETS.redact(message.message)

    def message(self, message: result.Message) -> None:
        """Redact what Robot itself says."""
        message.message = SECRETS.redact(message.message)

    def end_test(self, data: running.TestCase, test: result.TestCase) -> None:
        """Count the test, explain it if it failed, and fail the last one if nothing was judged at all."""
        _note_secrets()
        if test.failed and (void := void_message(test.message)):
            test.message = void
        test.message = SECRETS.redact(test.message)
        self._tally.count(test.status, test.message, judged=self._judged)
        if test.failed:
            self._log_explanations()
        if data is self._last and not test.failed and (reason := self._tally.red_reason()):
            test.status = "FAIL"
            test.message = f"{reason}\n\n{test.message}".strip()

    def _begin(self, data: running.TestSuite, suite: result.TestSuite) -> None:
        self._tally = Tally()
        if BuiltIn().dry_run_active:
            return
        while data.parent:
            data = data.parent
        while suite.parent:
            suite = suite.parent
        self._last = next(reversed(list(data.all_tests)), None)
        self._after = AfterRun(suite, self._tally)
        self._after.sign_up()
        with contextlib.suppress(
            Exception
        ):  # the first keyword that needs the target says what is wrong with it
            target = self._target()
            suite.metadata["Target"] = target
            self._announcement = f"Target {target}"

    def _log_explanations(self) -> None:
        if not self._explainers:
            return
        parts = [f"<h4>{escape(title)}</h4>{_explained(one)}" for title, one in self._explainers.items()]
        logger.info(
            f"<details><summary>The platform when this failed</summary>{''.join(parts)}</details>", html=True
        )


def _explained(explainer: Explainer) -> str:
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
    """Learn every secret that is a variable now; one that is too short for it stays in the log, with a warning."""
    for name, value in BuiltIn().get_variables().items():
        if isinstance(value, Secret):
            try:
                SECRETS.add(name, value)
            except ValueError as error:
                logger.warn(str(error))
