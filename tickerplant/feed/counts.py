"""The feed's figures: plain integers on the hot path, turned into Prometheus metrics only when somebody asks."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

Family = CounterMetricFamily | GaugeMetricFamily


@dataclass(slots=True)
class Counts:
    """What happened since the start."""

    frames: int = 0
    trades: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    overlapping: int = 0
    gaps: int = 0
    unrepaired: Counter[str] = field(default_factory=Counter)
    missing: int = 0
    connections: int = 0
    reconnects: int = 0
    connected: int = 0
    history_requests: Counter[str] = field(default_factory=Counter)
    delivered: int = 0
    delivery_retries: int = 0
    queued: int = 0
    congestions: int = 0
    unreadable: int = 0
    last_frame_us: int = 0


class FeedCollector(Collector):
    """Presents the counts to Prometheus."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Family]:
        """Yield all metrics of the feed."""
        now = self._counts
        yield CounterMetricFamily("feed_frames_received", "Data frames received.", value=now.frames)
        yield _by("feed_trades_published", "Trades handed to the Kafka client.", "source", now.trades)
        yield _by("feed_dead_letters", "Frames set aside, by reason.", "reason", now.dead_letters)
        yield CounterMetricFamily(
            "feed_overlap_frames_dropped",
            "Frames received twice while connections overlapped.",
            now.overlapping,
        )
        yield CounterMetricFamily("feed_gaps_detected", "Times that trade ids were missed.", value=now.gaps)
        yield CounterMetricFamily(
            "feed_trades_repaired", "Missing trades fetched over REST.", value=now.trades["rest"]
        )
        yield _by("feed_gaps_unrepaired", "Gaps that the venue could not fill.", "symbol", now.unrepaired)
        yield CounterMetricFamily("feed_missing_trades", "Trades in gaps that stay open.", value=now.missing)
        yield CounterMetricFamily("feed_connections_opened", "Connections opened.", value=now.connections)
        yield CounterMetricFamily(
            "feed_reconnects", "Connections lost and opened again.", value=now.reconnects
        )
        yield GaugeMetricFamily("feed_connections", "Connections open now.", value=now.connected)
        yield _by("feed_history_requests", "Requests to the venue's REST.", "status", now.history_requests)
        yield CounterMetricFamily(
            "feed_messages_delivered", "Messages that Kafka acknowledged.", value=now.delivered
        )
        yield CounterMetricFamily(
            "feed_delivery_retries",
            "Messages produced again after a failed delivery.",
            value=now.delivery_retries,
        )
        yield GaugeMetricFamily("feed_queued_messages", "Messages that wait for Kafka.", value=now.queued)
        yield CounterMetricFamily(
            "feed_congestions",
            "Times that reading paused because Kafka did not keep up.",
            value=now.congestions,
        )
        yield CounterMetricFamily(
            "feed_unreadable_records",
            "Records of the trades topic that were no trades when it was read at the start.",
            value=now.unreadable,
        )
        yield GaugeMetricFamily(
            "feed_last_frame_timestamp_seconds", "When the newest frame came.", value=now.last_frame_us / 1e6
        )


def _by(name: str, text: str, label: str, counter: Counter[str]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=[label])
    for key, value in list(counter.items()):
        family.add_metric([key], value)
    return family
