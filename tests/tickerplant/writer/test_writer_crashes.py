import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from common.waits import PATIENCE
from writer_support import MemoryTopic, bench, repeated, stored, table_at, trade

from tickerplant.writer import state as keys
from tickerplant.writer.failpoints import POINTS, Failpoints
from tickerplant.writer.state import last_own_snapshot

HERE = Path(__file__).parent

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from writer_support import MemoryTopic, bench, trade

topic = MemoryTopic()
topic.put(*(trade(symbol, n) for n in range(40) for symbol in ("A", "B", "C")))
topic.put(b"bad")
it = bench(Path(sys.argv[1]), topic, failpoint_file=Path(sys.argv[2]), name="victim")
it.drain()
print("survived")
"""


def whole_topic() -> MemoryTopic:
    topic = MemoryTopic()
    topic.put(*(trade(symbol, n) for n in range(40) for symbol in ("A", "B", "C")))
    topic.put(b"bad")
    return topic


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_point_and_restarted_it_stores_everything_once(tmp_path: Path, point: str) -> None:
    armed = tmp_path / "failpoint"
    armed.write_text(point)
    victim = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(here=str(HERE)), str(tmp_path), str(armed)],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert victim.returncode == -signal.SIGKILL, victim.stderr
    assert "survived" not in victim.stdout
    assert not armed.exists()
    committed = point in ("after-commit", "before-save")
    table = table_at(tmp_path)
    assert len(stored(table)) == (120 if committed else 0)
    offsets = json.loads(last_own_snapshot(table).summary[keys.OFFSETS])
    assert sum(offsets.values()) == (121 if committed else 0)

    heir = bench(tmp_path, whole_topic(), name="heir")
    heir.drain()
    assert stored(heir.table) == sorted((symbol, n) for n in range(40) for symbol in ("A", "B", "C"))
    assert repeated(heir.table) == {}
    assert len(heir.dead_letters.rejects) == (0 if committed else 1)


def test_it_dies_once_and_only_where_it_was_told_to(tmp_path: Path) -> None:
    died = []
    armed = tmp_path / "failpoint"
    points = Failpoints(armed, die=lambda: died.append(True))
    for point in POINTS:
        points.reached(point)
    assert died == []
    armed.write_text("after-file\n")
    for point in (*POINTS, *POINTS):
        points.reached(point)
    assert died == [True]
    armed.write_text("everywhere")
    points.reached("after-file")
    assert died == [True]
    Failpoints().reached("after-file")
