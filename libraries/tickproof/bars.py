"""Keywords that compare bars and daily summaries with those computed from what was sent."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from robot.api import logger
from robot.api.deco import keyword, library

from tickproof import session
from tickproof.misuse import one_of, some
from tickproof.observing import sent_so_far
from tickproof.probes.decoding import load_exactly
from tickproof.verdicts.bars import INTERVALS, Bar, bars, compare_bars

BARS = "/v1/bars"
SUMMARY = "/v1/summary"
BAR_FIELDS = ("open", "high", "low", "close", "volume", "quote_volume", "trades")
DAY_FIELDS = (*BAR_FIELDS, "vwap")
SECOND = 1_000_000_000

Served = dict[tuple[str, int], Mapping[str, str | None]]


@library(scope="GLOBAL")
class Bars:
    """Recomputes bars from the ledger of what was sent, exactly, and compares them with what the API serves.

    Send the trades with `clear_of_history=True`: then no older trade lies in the same bars.
    """

    @keyword
    def bars_should_equal_the_trades(self, *intervals: str) -> None:
        """Compare open, high, low, close, both volumes and count of each bar, and see that no other is served.

        One interval more is asked for on either side: a bar may stand beside its trades.

        Args:
            intervals: `1s`, `5s`, `1m`, `5m`, `15m`, `1h`, `1d`.

        Raises:
            AssertionError: A bar differs, is missing, is served twice or should not be there.
            Void: Nothing was sent.
        """
        some("interval", intervals)
        for interval in intervals:
            one_of("interval", interval, INTERVALS)
        trades = _trades()
        for interval in intervals:
            expected = bars(trades, interval)
            served: Served = {}
            for symbol in pc.unique(trades["symbol"]).to_pylist():
                mine = [bar for bar in expected if bar.symbol == symbol]
                for row in _bars_of(symbol, interval, mine):
                    key = symbol, _instant(row.get("bar_start"))
                    if key in served:
                        raise AssertionError(
                            f"Each bar of {interval} should be served once, "
                            f"but that of {symbol} from {row['bar_start']} is served twice."
                        )
                    served[key] = _texts(row, BAR_FIELDS)
            compare_bars(expected, served, what=f"{interval} bars", fields=BAR_FIELDS).fail_if_any()
            logger.info(f"{len(expected)} bars of {interval} equal the trades.")

    @keyword
    def daily_summaries_should_equal_the_trades(self) -> None:
        """Compare the summary of each day on which a trade was sent, the volume-weighted average price included.

        The days before and after have no trade, and so must have no summary.

        Raises:
            AssertionError: A summary differs, is missing, or should not be there.
            Void: Nothing was sent.
        """
        run = session.current()
        expected = bars(_trades(), "1d")
        width = INTERVALS["1d"] * SECOND
        days = {(bar.symbol, bar.start_ns + step * width) for bar in expected for step in (-1, 0, 1)}
        served: Served = {}
        for symbol, start_ns in sorted(days):
            day = datetime.fromtimestamp(start_ns // SECOND, UTC).date().isoformat()
            answer = run.api.get(f"{SUMMARY}/{symbol}/{day}")
            if answer.status_code == 200:
                served[symbol, start_ns] = _texts(load_exactly(answer.content), DAY_FIELDS)
            elif answer.status_code != 404:
                raise AssertionError(
                    f"The summary of {symbol} on {day} should be served, not {answer.status_code}."
                )
        compare_bars(expected, served, what="daily summaries", fields=DAY_FIELDS).fail_if_any()
        logger.info(f"{len(expected)} daily summaries equal the trades.")


def _trades() -> pa.Table:
    _, sent = sent_so_far(session.current())
    return sent.filter(pc.equal(sent["expect"], "stored"))


def _bars_of(symbol: str, interval: str, expected: Sequence[Bar]) -> Iterator[Mapping[str, Any]]:
    """Yield what is served for the span of these bars and an interval on either side, page by page."""
    starts, width = [bar.start_ns // SECOND for bar in expected], INTERVALS[interval]
    asked: dict[str, str | int | Sequence[str]] = {
        "symbol": symbol,
        "interval": interval,
        "start": datetime.fromtimestamp(min(starts) - width, UTC).isoformat(),
        "end": datetime.fromtimestamp(max(starts) + 2 * width, UTC).isoformat(),
    }
    while True:
        answer = session.current().api.get(BARS, asked)
        if answer.status_code != 200:
            raise AssertionError(f"Bars of {interval} should be served, not {answer.status_code}.")
        body = load_exactly(answer.content)
        yield from body["data"]
        cursor = body.get("next_cursor")
        if not cursor:
            return
        if asked.get("cursor") == cursor:
            raise AssertionError(f"Each page of bars of {interval} should have a cursor of its own.")
        asked["cursor"] = cursor


def _texts(row: Mapping[str, Any], fields: Sequence[str]) -> dict[str, str | None]:
    return {name: None if row.get(name) is None else str(row[name]) for name in fields}


def _instant(text: object) -> int:
    """Return the nanoseconds of a time that names its zone."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise AssertionError(f"A bar should tell its start as a time, not as {text}.") from None
    if moment.tzinfo is None:
        raise AssertionError(f"A bar should tell the zone of its start, but {text} does not.")
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
