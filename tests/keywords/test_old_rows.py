"""Old rows that are kept in the cache: found whole, or written again."""

import json
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
from common.waits import PATIENCE, until
from messages.approved import approve
from tickproof import aged, sealed
from tickproof.stack import folders
from tickproof.target import load
from verdicts.small import sent, trade

TARGET = load("embedded")
SYMBOLS = ["ETHBTC", "BNBBTC"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TICKPROOF_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Stands in for the platform; returns where old rows were written."""
    places: list[Path] = []

    def make(_target: object, rows: int, _live: Path, kept: Path, _progress: object) -> None:
        places.append(kept)
        shutil.rmtree(kept, ignore_errors=True)
        (kept / "lake").mkdir(parents=True, exist_ok=True)
        (kept / "lake" / "a.parquet").write_bytes(b"rows")
        pq.write_table(sent(trade(1)), kept / "sent.parquet")
        sealed.seal(kept, {"rows": rows, "symbols": SYMBOLS})

    stack = SimpleNamespace(down=lambda: None)
    exchange = SimpleNamespace(lease=lambda *_, **__: None)
    monkeypatch.setattr(aged, "_make", make)
    monkeypatch.setattr(aged, "_exchange", lambda _: exchange)
    monkeypatch.setattr(aged.Stack, "up", lambda *_, **__: stack)
    return places


def visited() -> tuple[aged.Past, list[str]]:
    said: list[str] = []
    with aged.platform(TARGET, 10, said.append) as (_, past):
        return past, said


def test_old_rows_are_written_once(made: list[Path], cache: Path) -> None:
    past, said = visited()
    assert (past.symbols, past.sent.num_rows, said) == (tuple(SYMBOLS), 1, [])
    assert visited()[1] == []
    (kept,) = made
    assert kept.is_relative_to(cache)
    assert (kept.parent / "live" / "a.parquet").read_bytes() == b"rows"


def test_old_rows_are_written_again_where_the_cache_was_moved_to(
    made: list[Path], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visited()
    cache.rename(tmp_path / "moved")
    monkeypatch.setenv("TICKPROOF_CACHE_DIR", str(tmp_path / "moved"))
    visited()
    assert len(made) == 2
    assert made[1].is_relative_to(tmp_path / "moved")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "damage", "blamed"),
    [
        ("sent.parquet", cut, "sent.parquet"),
        ("sent.parquet", alter, "sent.parquet"),
        ("sent.parquet", Path.unlink, "sent.parquet"),
        ("lake/a.parquet", alter, "lake/a.parquet"),
        ("lake/b.parquet", Path.touch, "lake/b.parquet"),
        ("done.json", cut, "done.json"),
        ("done.json", lambda path: path.write_text("[]"), "done.json"),
        ("done.json", lambda path: path.write_bytes(b"\xff"), "done.json"),
        (
            "done.json",
            lambda path: path.write_text('{"told": {}, "files": {"lake/a.parquet": 5}}'),
            "lake/a.parquet",
        ),
    ],
)
def test_damaged_old_rows_are_told_and_written_again(
    made: list[Path], name: str, damage: Any, blamed: str
) -> None:
    visited()
    (kept,) = made
    damage(kept / name)
    past, said = visited()
    assert (past.symbols, past.sent.num_rows, len(made)) == (tuple(SYMBOLS), 1, 2)
    approve("old-rows-damaged", said[0], hide={str(kept): "KEPT", blamed: "FILE"})


def test_old_rows_that_were_not_finished_are_written_again(made: list[Path]) -> None:
    visited()
    (made[0] / "done.json").unlink()
    assert visited()[1] == []
    assert len(made) == 2


def test_one_who_waits_for_old_rows_is_told_so(made: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "SOON", 0.0)
    said: list[str] = []

    def second() -> None:
        with aged.platform(TARGET, 10, said.append):
            pass

    waits = threading.Thread(target=second)
    with aged.platform(TARGET, 10, lambda _: None):
        waits.start()
        until(lambda: said)
    waits.join(PATIENCE)
    approve("old-rows-awaited", said[0], hide={str(made[0].parent): "HOME"})


def test_a_seal_tells_what_it_was_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    assert sealed.unseal(tmp_path) is None
    sealed.seal(tmp_path, {"n": 1})
    sealed.seal(tmp_path, {"n": 2})
    assert sealed.unseal(tmp_path) == {"n": 2}
    assert list(json.loads((tmp_path / "done.json").read_text())["files"]) == ["a"]
