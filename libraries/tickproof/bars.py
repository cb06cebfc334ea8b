"""Keywords that compare bars and daily summaries with those computed from what was sent."""

from datetime import UTC, datetime

import pyarrow as pa
from robot.api import logger
from robot.api.deco import keyword, library

from tickproof import session
from tickproof.verdicts.bars import INTERVALS, Bar, bars, compare_bars

BAR_FIELDS = ("open", "high", "low", "close", "volume", "trades")
DAY_FIELDS = (*BAR_FIELDS, "vwap")


@library(scope="GLOBAL")
class Bars:
    """Recomputes bars from the ledger of what was sent, exactly, and compares them with what the API serves.

    Send the trades with `clear_of_history=True`: then no older trade lies in the same bars.
    """

    @keyword
    def bars_should_equal_the_trades(self, *intervals: str) -> None:
        """Compare open, high, low, close, volume and count of each bar.

        Args:
            intervals: `1s`, `5s`, `1m`, `5m`, `15m`, `1h`, `1d`.
        """
        run = session.current()
        for interval in intervals:
            if interval not in INTERVALS:
                raise ValueError(f"There is no interval {interval}; allowed: {', '.join(INTERVALS)}.")
            expected = bars(_trades(), interval)
            served = {}
            for symbol in run.scene.first_ids:
                mine = [bar for bar in expected if bar.symbol == symbol]
                asked = {"symbol": symbol, "interval": interval, **_span(mine, INTERVALS[interval])}
                answer = run.api.get("/v1/bars", asked)
                if answer.status_code != 200:
                    raise AssertionError(f"Bars of {interval} should be served, not {answer.status_code}.")
                for row in answer.json()["data"]:
                    served[symbol, _instant(row["bar_start"])] = {name: str(row[name]) for name in BAR_FIELDS}
            verdict = compare_bars(expected, served, what=f"{interval} bars", fields=BAR_FIELDS)
            verdict.fail_if_any()
            logger.info(f"{len(expected)} bars of {interval} equal the trades.")

    @keyword
    def daily_summaries_should_equal_the_trades(self) -> None:
        """Compare the summary of each day on which a trade was sent, the volume-weighted average price included."""
        run = session.current()
        expected = bars(_trades(), "1d")
        served = {}
        for bar in expected:
            day = datetime.fromtimestamp(bar.start_ns / 1e9, UTC).date().isoformat()
            answer = run.api.get(f"/v1/summary/{bar.symbol}/{day}")
            if answer.status_code == 200:
                row = answer.json()
                served[bar.symbol, bar.start_ns] = {name: str(row[name]) for name in DAY_FIELDS}
        compare_bars(expected, served, what="daily summaries", fields=DAY_FIELDS).fail_if_any()
        logger.info(f"{len(expected)} daily summaries equal the trades.")


def _trades() -> pa.Table:
    sent = session.current().scene.sent()
    return sent.filter(pa.compute.equal(sent["expect"], "stored"))


def _span(mine: list[Bar], seconds: int) -> dict[str, str]:
    """The range of times that holds exactly these bars."""
    starts = [bar.start_ns for bar in mine]
    bounds = {"start": min(starts), "end": max(starts) + seconds * 1_000_000_000}
    return {
        name: datetime.fromtimestamp(instant // 1_000_000_000, UTC).isoformat()
        for name, instant in bounds.items()
    }


def _instant(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000_000
