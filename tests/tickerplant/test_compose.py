"""The compose file is what both drivers can read, and complete."""

from pathlib import Path

import pytest
import yaml
from tickproof.stack import compose, document

FILE = Path(__file__).resolve().parents[2] / "tickerplant" / "compose.yaml"
SUPPLIED = (
    "STATE_DIR", "CACHE_DIR", "SYMBOLS", "API_KEYS", "EXCHANGE_WS_URL", "EXCHANGE_REST_URL", "EXCHANGE_CA_FILE",
    "CATALOG_URI", "WAREHOUSE",
)  # fmt: skip
SERVICES = yaml.safe_load(FILE.read_text())["services"]


def test_the_local_driver_reads_it() -> None:
    root, _ = document.read(FILE, {})
    services = {service.name: service for service in compose.parse(root, SUPPLIED).services}
    assert list(services) == ["kafka", "feed", "writer", "api"]
    assert services["kafka"].prepare[:4] == ("python", "-m", "tickerplant.broker", "prepare")
    assert {name for service in services.values() for name in service.ports} == {
        "KAFKA_PORT", "KAFKA_CONTROLLER_PORT", "FEED_PORT", "WRITER_PORT", "API_PORT",
    }  # fmt: skip


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_watched_restarted_and_bounded(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][:2] == ["CMD", "python"]
    assert service["restart"] == "unless-stopped"
    assert service["stop_grace_period"]
    assert service["mem_limit"]
    assert service["init"] is True
    assert service["x-local"]["health"]
