import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the approved messages
from keywords.local_http import Answers, Server
from keywords.robots import Robot

Serve = Callable[[Answers], Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers = []

    def start(answers: Answers) -> Server:
        servers.append(Server(answers))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def robot(tmp_path: Path) -> Iterator[Robot]:
    robot = Robot(tmp_path)
    yield robot
    robot.end()
