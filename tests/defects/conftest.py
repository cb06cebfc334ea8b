from collections.abc import Iterator

import pytest
from lane import Lane


@pytest.fixture(scope="session")
def lane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    folder = tmp_path_factory.mktemp("lane")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TICKPROOF_STATE_DIR", str(folder / "state"))
        lane = Lane(folder)
        yield lane
        lane.close()
