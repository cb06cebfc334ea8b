"""Keywords for platforms of another age: one with nothing in it, one with many old rows."""

from contextlib import ExitStack

from robot.api import logger
from robot.api.deco import keyword, library

from tickproof import aged, report, session
from tickproof.ledger.schemas import SEEN
from tickproof.misuse import MisuseError
from tickproof.stack import Stack
from tickproof.verdicts import judge

OLD_ROWS = 100_000


@library(scope="GLOBAL")
class Warehouses:
    """Visits a platform of its own beside the run's usual one; what runs on the usual one is not touched."""

    def __init__(self) -> None:
        self._past: aged.Past | None = None

    @keyword
    def start_empty_platform(self) -> None:
        """Start a second, fresh stack of the target and use it until `Return To Usual Platform`."""
        run = session.current()
        run.check()
        self._past = None
        stack = Stack.up(run.target, progress=logger.console)
        run.visit(stack, stack.down)

    @keyword
    def start_platform_with_old_rows(self) -> None:
        """Start a stack over old rows and use it until `Return To Usual Platform`.

        They are a hundred thousand, in the form `slow` a million. The platform's own writer makes them the first time
        (up to two minutes); then they stay in the cache.
        """
        run = session.current()
        run.check()
        with ExitStack() as visit:
            stack, self._past = visit.enter_context(
                aged.platform(run.target, OLD_ROWS * run.scale, logger.console)
            )
            run.visit(stack, visit.pop_all().close)

    @keyword
    def old_rows_should_be_untouched(self) -> None:
        """Judge each of the old rows in the lake, field by field, as if it had been sent just now."""
        run = session.current()
        lake = run.target.hops.lake
        if self._past is None or lake is None:
            raise MisuseError(
                "No platform with old rows is visited; use `Start Platform With Old Rows` first."
            )
        seen = run.lake.read(self._past.symbols)
        verdict = judge(
            self._past.sent,
            seen if seen.num_rows else SEEN.empty_table(),
            hop="lake",
            guarantee=lake.guarantee,
            event_time_unit=run.target.domain.event_time_unit,
        )
        report.verdict_table([verdict])
        verdict.fail_if_any()

    @keyword
    def return_to_usual_platform(self) -> None:
        """End the platform that is visited, with all its data, and use the run's own again."""
        session.current().return_home()
        self._past = None
