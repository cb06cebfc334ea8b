"""The command line, as a user types it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from messages.approved import approve
from small_stacks import marked, part
from tickproof import cli
from tickproof.stack import Stack
from tickproof.stack.spec import StackSpec
from typer.testing import CliRunner

Up = Callable[..., Stack]
Compose = Callable[..., StackSpec]
COMMAND = Path(sys.executable).with_name("tickproof")


def run(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=False, **options)


@pytest.fixture
def small_target(monkeypatch: pytest.MonkeyPatch, compose: Compose) -> Callable[..., StackSpec]:
    def point(services: dict[str, Any] | None = None, **more: Any) -> StackSpec:
        spec = compose(services, **more)
        monkeypatch.setattr(cli, "load", lambda _: spec)
        return spec

    return point


def test_up_status_logs_down(small_target: Callable[..., StackSpec]) -> None:
    small_target(
        {"alpha": part("alpha", env={"WORD": "${API_KEYS}"}), "beta": part("beta", depends_on=["alpha"])}
    )
    typer = CliRunner()
    try:
        started = typer.invoke(cli.app, ["up", "--target", "small"])
        assert started.exit_code == 0, started.output
        assert "Stack small is up after" in started.output
        status = typer.invoke(cli.app, ["status", "-t", "small"])
        assert status.exit_code == 0
        assert status.output.count("healthy") == 2
        logs = typer.invoke(cli.app, ["logs", "beta", "-t", "small", "-n", "1"])
        assert logs.output == "hello from beta \n"
        everything = typer.invoke(cli.app, ["logs", "-t", "small"]).output
        assert "alpha: hello from alpha default:<secret>:" in everything
        again = typer.invoke(cli.app, ["up", "-t", "small"])
        assert again.exit_code == 0
    finally:
        ended = typer.invoke(cli.app, ["down", "-t", "small"])
    assert ended.output == "Ended: small.\n"
    gone = typer.invoke(cli.app, ["status", "-t", "small"])
    assert (gone.exit_code, gone.output) == (
        1,
        "No kept stack of small runs; start one with `tickproof up`.\n",
    )
    assert typer.invoke(cli.app, ["down", "-t", "small"]).output == "No kept stack of small runs.\n"
    assert "stopping" in typer.invoke(cli.app, ["logs", "beta", "-t", "small"]).output


def test_a_service_that_is_not_well_gives_exit_code_one(small_target: Callable[..., StackSpec]) -> None:
    spec = small_target()
    stack = Stack.up(spec, keep=True)
    try:
        stack.kill("alpha")
        status = CliRunner().invoke(cli.app, ["status", "-t", "small"])
        assert (status.exit_code, "exited" in status.output) == (1, True)
    finally:
        assert "Ended: small" in CliRunner().invoke(cli.app, ["down", "--all"]).output


def test_what_fails_is_told_on_the_error_stream(small_target: Any, capsys: Any, monkeypatch: Any) -> None:
    small_target({"alpha": part("alpha", env={"EXIT_CODE": "3"})})
    monkeypatch.setattr(sys, "argv", ["tickproof", "up", "-t", "small"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "Service alpha should come up, but it ended after" in told.err
    assert "Traceback" not in told.err


def test_a_full_disk_is_told(small_target: Any, capsys: Any, monkeypatch: Any) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device", "/data/log")

    small_target()
    monkeypatch.setattr(Stack, "up", full)
    monkeypatch.setattr(sys, "argv", ["tickproof", "up"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 1
    assert capsys.readouterr().err == "There is no space left on the disk of /data/log; make room.\n"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("unknown-target", ["up", "--target", "embeded"]),
        ("no-such-file", ["up", "--target", "./no/such.yaml"]),
        ("no-logs", ["logs", "--target", "never"]),
        ("judge-nothing", ["judge", "no-such-results"]),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_two(name: str, arguments: list[str], tmp_path: Path) -> None:
    project = Path(cli.__file__).parents[2]
    done = run(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    approve(f"cli-{name}", done.stderr, hide={str(tmp_path): "HERE", str(project): "PROJECT"})


@pytest.mark.parametrize("arguments", [["start"], ["up", "--fast"], ["logs", "--lines", "0"]])
def test_a_wrong_command_line_is_exit_code_two(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Error: " in done.stderr


def test_ctrl_c_at_the_keyboard_leaves_nothing(compose: Compose, own_folders: Path) -> None:
    code = (
        "import os; from pathlib import Path; from tickproof import cli; from tickproof.stack.spec import StackSpec\n"
        "cli.load = lambda _: StackSpec('small', Path(os.environ['COMPOSE'])); cli.main()"
    )
    spec = compose({"alpha": part("alpha", env={"READY_AFTER": "60"})})
    process = subprocess.Popen(
        [sys.executable, "-c", code, "up"],
        env={**os.environ, "COMPOSE": str(spec.compose)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr
    while "alpha started" not in (line := process.stderr.readline()):
        assert line
    os.killpg(process.pid, 2)
    _, told = process.communicate(timeout=5)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert marked(own_folders) == []


def test_the_doctor_says_what_to_do(monkeypatch: Any) -> None:
    monkeypatch.setattr(cli.doctor, "examine", lambda: [cli.doctor.python((3, 9))])
    done = CliRunner().invoke(cli.app, ["doctor"])
    assert done.exit_code == 1
    assert "install Python 3.11 or newer" in " ".join(done.output.split())
