import pytest
from tickproof import target
from tickproof.target import Target


@pytest.fixture
def ports() -> dict[str, str]:
    """Addresses of services that a test does not start."""
    return dict.fromkeys(("KAFKA_PORT", "FEED_PORT", "WRITER_PORT", "API_PORT"), "1")


@pytest.fixture(scope="session")
def embedded() -> Target:
    return target.load("embedded")
