"""The smoke test that most platforms have instead of a verdict: healthy, 200, and about as many rows as were sent."""

from datetime import timedelta

from robot.api.deco import keyword, library

from tickproof import session
from tickproof.market import Market
from tickproof.waiting import WaitError, patiently

CLOSE = 0.01
"""How far a count may be off for a test that only counts."""
WITHIN = timedelta(seconds=20)
STALLED_AFTER = timedelta(seconds=8)


@library(scope="GLOBAL")
class Smoke:
    """Looks at a platform as a naive test does. No suite uses it: the lane shows beside a defect how little it sees."""

    @keyword
    def platform_should_look_fine(self, trades: int = 300) -> None:
        """Send trades of one symbol; see that all is healthy, the API answers 200, and the table's count is close.

        Args:
            trades: How many.

        Raises:
            AssertionError: A smoke test would have noticed.
        """
        run = session.current()
        market = Market()
        market.lease_symbols(1)
        symbols = list(run.scene.first_ids)
        before = run.lake.count(symbols)
        market.send_trades(trades)
        try:
            patiently(
                lambda: run.lake.count(symbols) - before,
                until=lambda rows: abs(rows - trades) <= max(CLOSE * trades, 1),
                within=WITHIN,
                what=f"About {trades:,} rows should come into the table",
                describe=lambda rows: f"{rows:,} rows",
                progress=lambda rows: rows,
                stalled_after=STALLED_AFTER,
            )
        except WaitError as error:
            raise AssertionError(str(error)) from None
        self._ask_the_api(symbols)
        sick = [state.name for state in run.stack.status() if not state.is_well]
        if sick:
            raise AssertionError(f"Every service should be healthy, but {', '.join(sick)} is not.")

    @staticmethod
    def _ask_the_api(symbols: list[str]) -> None:
        run = session.current()
        hop = run.target.hops.api
        assert hop is not None
        answer = run.api.get(hop.trades.path, {**hop.trades.parameters, hop.trades.symbol_parameter: symbols})
        if answer.status_code != 200:
            raise AssertionError(f"The API should answer 200, but it answered {answer.status_code}.")
        if not answer.json()[hop.trades.rows]:
            raise AssertionError("The API should have rows, but it has none.")
