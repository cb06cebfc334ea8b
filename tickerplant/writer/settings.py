"""What the writer's surroundings tell it."""

from dataclasses import dataclass
from pathlib import Path

from tickerplant.service import Environment


@dataclass(frozen=True)
class WriterSettings:
    """Settings of one writer; times are seconds."""

    bootstrap: str
    topic: str
    dead_letter_topic: str
    catalog_uri: str
    warehouse: str
    http_host: str
    http_port: int
    commit_interval: float
    commit_rows: int
    snapshots: int
    grace: float
    failpoint_file: Path | None

    @classmethod
    def read(cls, environment: Environment) -> "WriterSettings":
        """Read and check all settings.

        Raises:
            SettingsError: one is missing or wrong.
        """
        failpoint_file = environment.text("WRITER_FAILPOINT_FILE", "")
        return cls(
            bootstrap=environment.text("KAFKA_BOOTSTRAP"),
            topic=environment.text("TRADES_TOPIC", "market.trades"),
            dead_letter_topic=environment.text("DEAD_LETTER_TOPIC", "market.dead-letters"),
            catalog_uri=environment.text("CATALOG_URI"),
            warehouse=environment.text("WAREHOUSE"),
            http_host=environment.text("HTTP_HOST", "127.0.0.1"),
            http_port=environment.port("HTTP_PORT", 0),
            commit_interval=environment.number("WRITER_COMMIT_INTERVAL", 1.0, low=0.05, high=3_600),
            commit_rows=environment.integer("WRITER_COMMIT_ROWS", 50_000, low=1, high=1_000_000),
            snapshots=environment.integer("WRITER_SNAPSHOTS", 200, low=2, high=10_000),
            # Shorter than a commit with all its attempts, and files of a commit under way could be swept.
            grace=environment.number("WRITER_DELETE_GRACE", 600, low=120, high=86_400),
            failpoint_file=Path(failpoint_file) if failpoint_file else None,
        )
