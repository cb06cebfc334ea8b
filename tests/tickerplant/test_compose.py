"""The compose file is what both drivers can read, and complete."""

from pathlib import Path

import pytest
import yaml
from tickproof.stack import compose, document

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "tickerplant" / "compose.yaml"
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


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_has_walls(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]
    assert not service.keys() & {"privileged", "network_mode", "pid", "devices"}
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_what_an_image_installs_is_pinned() -> None:
    pins = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    lines = (ROOT / "tickerplant" / "requirements.txt").read_text().splitlines()
    wanted = {line.partition("[")[0] for line in lines if line and not line.startswith("#")}
    assert wanted <= pins


def test_an_image_holds_no_defects() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored.index("!tickerplant") < ignored.index("tickerplant/defects")
