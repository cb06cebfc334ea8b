from collections.abc import Iterator

import pytest
from lane import Lane

from tickerplant.defects.model import Defect


@pytest.fixture(scope="session")
def lane(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Lane]:
    folder = tmp_path_factory.mktemp("lane")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TICKPROOF_STATE_DIR", str(folder / "state"))
        with Lane(folder, apart=[defect for defect in _chosen(request) if defect.needs_own_stack]) as lane:
            yield lane


def _chosen(request: pytest.FixtureRequest) -> list[Defect]:
    """Return the defects of the tests that are going to run."""
    functions = [item for item in request.session.items if isinstance(item, pytest.Function)]
    attacks = [each for each in functions if "lane" in each.fixturenames and hasattr(each, "callspec")]
    return [each.callspec.params["defect"] for each in attacks]
