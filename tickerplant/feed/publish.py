"""What the feed tells the world by way of its outbox: trades, dead letters and gaps."""

from collections.abc import Sequence
from typing import Any

import msgspec

from tickerplant.feed.counts import Counts
from tickerplant.feed.outbox import Headers, Outbox
from tickerplant.service import Log


class Publisher:
    """Puts trades on their topic, keyed by symbol so that each symbol keeps its order."""

    def __init__(self, outbox: Outbox, topic: str, symbols: Sequence[str], counts: Counts) -> None:
        self._send = outbox.send
        self._topic = topic
        self._keys = {symbol: symbol.encode() for symbol in symbols}
        self._encode = msgspec.json.Encoder().encode
        self._counts = counts.trades

    def publish(self, trade: Any) -> None:  # noqa: ANN401 - a Trade; a defect may hand over another struct
        """Put one trade on the topic."""
        self._send(self._topic, self._keys[trade.symbol], self._encode(trade))
        self._counts[trade.source] += 1


class DeadLetters:
    """Sets aside what cannot be taken, with its bytes, the reason and where it came from."""

    def __init__(self, outbox: Outbox, topic: str, counts: Counts) -> None:
        self._outbox = outbox
        self._topic = topic
        self._counts = counts

    def put(
        self, payload: bytes, *, reason: str, position: str, received_us: int, source: str = "ws"
    ) -> None:
        """Set one frame of the stream, or one row of the history, aside."""
        self._counts.dead_letters[reason] += 1
        headers: Headers = [
            ("reason", reason.encode()),
            ("source", source.encode()),
            ("position", position.encode()),
            ("received_us", str(received_us).encode()),
        ]
        self._outbox.send(self._topic, None, payload, headers)


class GapReporter:
    """Tells the world which trades are missing for good: by topic, by metric and by log."""

    def __init__(self, outbox: Outbox, topic: str, counts: Counts, log: Log) -> None:
        self._outbox = outbox
        self._topic = topic
        self._counts = counts
        self._log = log

    def report(self, symbol: str, first: int, last: int, *, detected_us: int, reason: str) -> None:
        """Report the ids `first` to `last`, both included, of a symbol."""
        self._counts.unrepaired[symbol] += 1
        self._counts.missing += last - first + 1
        self._log.warning("gap_unrepaired", symbol=symbol, first_id=first, last_id=last, reason=reason)
        record = {
            "symbol": symbol,
            "first_id": first,
            "last_id": last,
            "detected_time_us": detected_us,
            "reason": reason,
        }
        self._outbox.send(self._topic, symbol.encode(), msgspec.json.encode(record))
