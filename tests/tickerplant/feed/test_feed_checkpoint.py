import io
from pathlib import Path

import pytest

from tickerplant.feed.checkpoint import Checkpoint
from tickerplant.feed.coverage import Coverage
from tickerplant.service import Log


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "feed" / "checkpoint.json"


@pytest.fixture
def log() -> Log:
    return Log("feed", stream=io.StringIO())


def coverage(*ids: int) -> dict[str, Coverage]:
    each = Coverage()
    for number in ids:
        each.see(number, 0)
    return {"A": each, "B": Coverage()}


def loaded(path: Path, log: Log) -> Coverage:
    fresh = coverage()
    Checkpoint(path, log).load(fresh)
    return fresh["A"]


def test_what_was_saved_comes_back_with_its_holes(path: Path, log: Log) -> None:
    Checkpoint(path, log).save(coverage(1, 2, 5), accepted=3, settled=3)
    back = loaded(path, log)
    assert (back.floor, back.next) == (1, 6)
    assert [(hole.first, hole.last) for hole in back.holes] == [(3, 4)]


def test_nothing_is_claimed_before_it_is_delivered(path: Path, log: Log) -> None:
    checkpoint = Checkpoint(path, log)
    checkpoint.save(coverage(1), accepted=1, settled=1)
    checkpoint.save(coverage(1, 2, 3), accepted=3, settled=1)
    assert loaded(path, log).next == 2
    checkpoint.save(coverage(1, 2, 3, 4), accepted=4, settled=2)
    assert loaded(path, log).next == 2
    checkpoint.save(coverage(1, 2, 3, 4), accepted=4, settled=3)
    assert loaded(path, log).next == 4


def test_symbols_that_never_traded_are_remembered_as_such(path: Path, log: Log) -> None:
    empty = coverage()
    empty["A"].check(-1, -1, 0)
    Checkpoint(path, log).save(empty, accepted=0, settled=0)
    assert loaded(path, log).was_empty


def test_a_damaged_file_is_as_good_as_none_and_told(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"taken_us": 1, "symb')
    stream = io.StringIO()
    fresh = coverage()
    assert Checkpoint(path, Log("feed", stream=stream)).load(fresh) is None
    assert fresh["A"].next is None
    assert "checkpoint_unreadable" in stream.getvalue()


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    stream = io.StringIO()
    (tmp_path / "feed").write_text("a file is in the way")
    Checkpoint(tmp_path / "feed" / "checkpoint.json", Log("feed", stream=stream)).save(coverage(1), 1, 1)
    assert "checkpoint_unwritable" in stream.getvalue()


def test_without_a_place_nothing_is_kept(log: Log) -> None:
    checkpoint = Checkpoint(None, log)
    checkpoint.save(coverage(1), 1, 1)
    assert checkpoint.load(coverage()) is None
