"""What the environment tells the feed."""

from dataclasses import dataclass
from pathlib import Path

from tickerplant.settings import Environment, SettingsError

STREAMS_PER_CONNECTION = 1024


@dataclass(frozen=True)
class FeedSettings:
    """All settings of one feed.

    Attributes:
        silence: Seconds without any frame before the connection is tested by a ping, and again for its answer.
        rotate_after: Seconds after which a connection is replaced, before the venue ends it after 24 h.
        streams_per_connection: How many symbols share a connection.
        repair_grace: Seconds that a missing trade may still come by itself, before REST is asked.
        repair_patience: Seconds that the venue's history is given to know a trade.
        reach_patience: Seconds that the venue's history is given to be reachable at all.
        checkpoint_file: Where the feed remembers which trade ids were taken care of; None for nowhere.
    """

    kafka: str
    ws_url: str
    rest_url: str
    ca_file: str
    symbols: tuple[str, ...]
    microseconds: bool
    trades_topic: str
    dead_letter_topic: str
    gap_topic: str
    http_host: str
    http_port: int
    silence: float
    rotate_after: float
    streams_per_connection: int
    repair_grace: float
    repair_patience: float
    reach_patience: float
    checkpoint_file: Path | None

    @classmethod
    def read(cls, environment: Environment) -> "FeedSettings":
        """Read and check them."""
        state = environment.text("STATE_DIR", "")
        return cls(
            kafka=environment.text("KAFKA_BOOTSTRAP"),
            ws_url=_url(environment, "EXCHANGE_WS_URL", ("ws://", "wss://")),
            rest_url=_url(environment, "EXCHANGE_REST_URL", ("http://", "https://")),
            ca_file=_file(environment, "EXCHANGE_CA_FILE"),
            symbols=_symbols(environment),
            microseconds=environment.choice(
                "FEED_TIME_UNIT", "microsecond", allowed=("microsecond", "millisecond")
            )
            == "microsecond",
            trades_topic=environment.text("TRADES_TOPIC", "market.trades"),
            dead_letter_topic=environment.text("DEAD_LETTER_TOPIC", "market.dead-letters"),
            gap_topic=environment.text("GAP_TOPIC", "market.gaps"),
            http_host=environment.text("HTTP_HOST", "127.0.0.1"),
            http_port=environment.port("HTTP_PORT"),
            silence=environment.number("FEED_SILENCE", 10, low=0.1, high=600),
            rotate_after=environment.number("FEED_ROTATE_AFTER", 85_800, low=1, high=86_400),
            streams_per_connection=environment.integer(
                "FEED_STREAMS_PER_CONNECTION", 512, low=1, high=STREAMS_PER_CONNECTION
            ),
            repair_grace=environment.number("FEED_REPAIR_GRACE", 0.05, low=0, high=10),
            repair_patience=environment.number("FEED_REPAIR_PATIENCE", 2, low=0, high=600),
            reach_patience=environment.number("FEED_REACH_PATIENCE", 60, low=0, high=86_400),
            checkpoint_file=Path(state) / "feed" / "checkpoint.json" if state else None,
        )


def _url(environment: Environment, name: str, schemes: tuple[str, ...]) -> str:
    url = environment.text(name).rstrip("/")
    if not url.startswith(schemes):
        raise SettingsError(f"{name} is '{url}', but must begin with {' or '.join(schemes)}.")
    return url


def _file(environment: Environment, name: str) -> str:
    path = environment.text(name, "")
    if path and not Path(path).is_file():
        raise SettingsError(f"{name} is '{path}', but there is no such file.")
    return path


def _symbols(environment: Environment) -> tuple[str, ...]:
    symbols = environment.names("FEED_SYMBOLS")
    for symbol in symbols:
        if not (symbol.isascii() and symbol.isalnum() and symbol == symbol.upper()):
            raise SettingsError(
                f"FEED_SYMBOLS names '{symbol}', but a symbol has capital letters and digits only."
            )
    return symbols
