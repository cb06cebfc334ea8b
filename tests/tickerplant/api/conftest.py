"""Fixtures of the API's tests."""

from pathlib import Path

import pytest
from api_support import Api, Lake, make_api


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


@pytest.fixture
def api(lake: Lake) -> Api:
    return make_api(lake)
