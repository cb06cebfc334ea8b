"""What services wrote, read as a log collector does."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from tickproof import session
from tickproof.logs import Logs
from tickproof.verdicts import Void

HEAD = {"time": "2026-11-27T12:00:00.000001Z", "level": "info", "service": "feed", "event": "started"}


class Bench:
    """A stack of two services whose logs a test writes."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder / "logs"
        self.folder.mkdir()
        states = [
            SimpleNamespace(name=name, companion=name == "exchange") for name in ("exchange", "feed", "api")
        ]
        self.scene = SimpleNamespace(logs=None)
        run = SimpleNamespace(
            stack=SimpleNamespace(folder=folder, status=lambda: states),
            scene=self.scene,
            own_scene=lambda: self.scene,
        )
        monkeypatch.setattr(session, "current", lambda: run)
        for name in ("exchange", "feed", "api"):
            self.write(name, "free text of before")

    def write(self, name: str, line: str | dict[str, str], end: str = "\n") -> None:
        with (self.folder / f"{name}.log").open("a", encoding="utf-8") as log:
            log.write((line if isinstance(line, str) else json.dumps(line)) + end)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def test_structured_lines_without_errors_are_sound(bench: Bench) -> None:
    Logs().remember_logs()
    bench.write("feed", HEAD)
    bench.write("api", HEAD | {"level": "warning"})
    bench.write("exchange", "the kit's own, which is no service of the platform")
    bench.write("api", '{"half a line', end="")
    Logs().logs_should_be_structured_and_tell_no_error()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Traceback", "api should write structured lines only, but it wrote: Traceback$"),
        ("[1]", r"api should write structured lines only, but it wrote: \[1\]$"),
        (json.dumps({"level": "info"}), "api should write structured lines only"),
        (json.dumps(HEAD | {"level": "error"}), "api should tell of no error, but it wrote: {"),
        (json.dumps(HEAD | {"level": "critical"}), "api should tell of no error"),
    ],
)
def test_what_is_not_sound_is_shown(bench: Bench, line: str, said: str) -> None:
    Logs().remember_logs()
    bench.write("feed", HEAD)
    bench.write("api", line)
    with pytest.raises(AssertionError, match=said):
        Logs().logs_should_be_structured_and_tell_no_error()


def test_how_many_more_is_told(bench: Bench) -> None:
    Logs().remember_logs()
    for _ in range(3):
        bench.write("api", "x")
    with pytest.raises(AssertionError, match=r"it wrote: x \(and 2 more such lines, see the log\)"):
        Logs().logs_should_be_structured_and_tell_no_error()


@pytest.mark.usefixtures("bench")
def test_logs_that_were_not_remembered_cannot_be_judged() -> None:
    with pytest.raises(Void, match="use `Remember Logs` first"):
        Logs().logs_should_be_structured_and_tell_no_error()
