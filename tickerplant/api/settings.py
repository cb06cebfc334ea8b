"""What the API is told by its environment."""

from dataclasses import dataclass, field

from tickerplant.api.authenticator import Client, read_keys
from tickerplant.service import Environment


@dataclass(frozen=True)
class Settings:
    """Settings of the API.

    Args:
        catalog_uri: Address of the Iceberg catalog.
        warehouse: Where its tables lie.
        keys: API keys and whose they are; with none, nobody gets in.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        cache_bytes: Rows kept in memory at most, in bytes.
    """

    catalog_uri: str
    warehouse: str
    keys: dict[str, Client] = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 0
    cache_bytes: int = 128 << 20


def read_settings(environment: Environment) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: One is missing or wrong.
    """
    return Settings(
        catalog_uri=environment.text("CATALOG_URI"),
        warehouse=environment.text("WAREHOUSE"),
        keys=read_keys(environment.text("API_KEYS", "")),
        host=environment.text("HTTP_HOST", "127.0.0.1"),
        port=environment.port("HTTP_PORT", 8080),
        cache_bytes=environment.integer("API_CACHE_MB", 128, low=1, high=1_000_000) << 20,
    )
