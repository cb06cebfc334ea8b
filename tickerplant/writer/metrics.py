"""What the writer tells Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_COMMIT_SECONDS = (0.01, 0.02, 0.03, 0.04, 0.06, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics:
    """All metrics of one writer.

    Args:
        registry: where they are published.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str) -> Counter:
            return Counter(f"tickerplant_writer_{name}", text, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"tickerplant_writer_{name}", text, labels, registry=registry)

        self.polled = counter("messages_polled", "Messages taken from Kafka.")
        self.written = counter("rows_written", "Rows committed to the table.")
        self.duplicates = counter("duplicates_dropped", "Repeated trades that were not stored again.")
        self.quarantined = counter("quarantined", "Messages sent to the dead-letter topic.")
        self.commits = counter("commits", "Snapshots that added rows or offsets.")
        self.merges = gauge("merges", "Merges of small files done by this process.")
        self.deleted = gauge("deleted_files", "Files deleted that no snapshot refers to, by this process.")
        self.maintenance_failures = gauge("maintenance_failures", "Maintenance that failed, by this process.")
        self.commit_seconds = Histogram(
            "tickerplant_writer_commit_seconds",
            "Time from rows in memory to a snapshot that readers see.",
            buckets=_COMMIT_SECONDS,
            registry=registry,
        )
        self.last_commit = gauge("last_commit_timestamp_seconds", "When the newest snapshot was committed.")
        self.lag_seconds = gauge("lag_seconds", "Age of the newest stored trade while others wait, else 0.")
        self.lag_messages = gauge("lag_messages", "Messages not yet polled.", "partition")
        self.known_intervals = gauge("id_intervals", "Intervals of stored trade ids in memory.")
