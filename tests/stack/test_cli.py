"""The command line, as a user types it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from common.left import marked
from common.waits import PATIENCE, until
from messages.approved import approve
from small_stacks import part
from tickproof import cli
from tickproof.stack import Stack, folders
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
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert marked(own_folders) == []


def test_a_service_is_restarted_with_another_command_until_the_next_restart(
    small_target: Callable[..., StackSpec],
) -> None:
    stack = Stack.up(small_target({"alpha": part("alpha"), "beta": part("beta", health=False)}), keep=True)
    typer = CliRunner()
    other = ["python", "-S", "-c", "import time; time.sleep(600)"]
    try:
        changed = typer.invoke(cli.app, ["restart", "beta", "-t", "small", "--", *other])
        assert (changed.exit_code, "beta" in changed.output) == (0, True)
        before, beta = stack.status()
        assert until(lambda: psutil.Process(beta.pid).cmdline()[1:] == other[1:])
        assert typer.invoke(cli.app, ["restart", "alpha", "-t", "small"]).exit_code == 0
        alpha, _ = stack.status()
        assert (alpha.pid != before.pid, alpha.health) == (True, "healthy")
        typer.invoke(cli.app, ["restart", "beta", "-t", "small"])
        until(lambda: stack.log_tail("beta", 1) == ["hello from beta "])
    finally:
        stack.down()


def test_a_restart_of_nothing_is_told(small_target: Callable[..., StackSpec]) -> None:
    spec = small_target()
    nowhere = CliRunner().invoke(cli.app, ["restart", "alpha", "-t", "small"])
    assert str(nowhere.exception) == "No kept stack of small runs; start one with `tickproof up`."
    stack = Stack.up(spec, keep=True)
    try:
        unknown = CliRunner().invoke(cli.app, ["restart", "gamma", "-t", "small"])
        assert "There is no service gamma" in str(unknown.exception)
    finally:
        stack.down()


def test_prepare_tells_its_progress_and_what_is_ready(small_target: Callable[..., StackSpec]) -> None:
    service = part("alpha")
    code = "import sys; print('fetching for', sys.argv[1])"
    service["x-local"]["prepare"] = ["python", "-S", "-c", code, "${LEVEL:-nobody}"]
    small_target({"alpha": service, "beta": part("beta")}, environment={"LEVEL": "all of us"})
    done = CliRunner().invoke(cli.app, ["prepare", "-t", "small"])
    assert (done.exit_code, done.stdout) == (0, "Ready to start small: alpha prepared.\n")
    assert done.stderr == "  alpha: fetching for all of us\n"
    small_target()
    assert CliRunner().invoke(cli.app, ["prepare"]).stdout == "Ready to start small: nothing prepared.\n"


def test_nothing_is_prepared_for_a_platform_that_runs_already(tmp_path: Path) -> None:
    here = (Path(__file__).parents[1] / "target" / "example.yaml").read_text(encoding="utf-8")
    begin, end = here.index("  driver: local"), here.index("  environment:")
    (tmp_path / "far.yaml").write_text(f"{here[:begin]}  driver: attach\n{here[end:]}", encoding="utf-8")
    done = run("prepare", "-t", str(tmp_path / "far.yaml"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "example runs already; there is nothing to prepare.\n"


def test_logs_are_followed_until_ctrl_c(compose: Compose) -> None:
    writes = "import time\nwhile True: print('on and on', flush=True); time.sleep(0.1)"
    service = {"x-local": {"command": ["python", "-S", "-c", writes]}}
    stack = Stack.up(compose({"alpha": service, "beta": part("beta")}), keep=True)
    try:
        until(lambda: stack.log_tail("alpha"))
        process = subprocess.Popen(
            [COMMAND, "logs", "-t", "small", "--follow", "-n", "1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(5)]
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=PATIENCE)
    finally:
        stack.down()
    assert lines == ["alpha: on and on\n", "beta: hello from beta \n", *["alpha: on and on\n"] * 3]
    assert (process.returncode, "Traceback" in told) == (130, False)


def test_one_log_is_followed_without_its_name_and_without_secrets(compose: Compose) -> None:
    code = "import os, time\nwhile True: print(os.environ['KEYS'], flush=True); time.sleep(0.1)"
    service = {"environment": {"KEYS": "${API_KEYS}"}, "x-local": {"command": ["python", "-S", "-c", code]}}
    stack = Stack.up(compose({"alpha": service}, api_keys={"default": 5}), keep=True)
    try:
        until(lambda: stack.log_tail("alpha"))
        process = subprocess.Popen(
            [COMMAND, "logs", "alpha", "-t", "small", "-f", "-n", "1"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert process.stdout
        lines = {process.stdout.readline() for _ in range(4)}
        process.kill()
        process.communicate()
    finally:
        stack.down()
    assert lines == {"default:<secret>:5\n"}


def test_a_stop_that_takes_a_while_is_told(
    small_target: Callable[..., StackSpec], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stack.up(small_target({"alpha": part("alpha", env={"STOP_TAKES": "1"})}), keep=True)
    monkeypatch.setattr(folders, "SOON", 0.1)
    monkeypatch.setattr(sys, "argv", ["tickproof", "down", "-t", "small"])
    with pytest.raises(SystemExit):
        cli.main()
    assert tuple(capsys.readouterr()) == ("Ended: small.\n", "  stopping small\n")


def test_a_stack_that_hangs_is_ended(small_target: Callable[..., StackSpec], own_folders: Path) -> None:
    stack = Stack.up(small_target(), keep=True)
    processes = [psutil.Process(pid) for pid in marked(stack.folder)]
    next(each for each in processes if "tickproof.stack.supervisor" in each.cmdline()).suspend()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("tickproof.stack.wire._PATIENCE", 0.2)
        done = CliRunner().invoke(cli.app, ["down", "-t", "small"])
    assert done.stdout == "Ended: small.\n"
    until(lambda: not marked(own_folders))
    assert CliRunner().invoke(cli.app, ["down", "-t", "small"]).stdout == "No kept stack of small runs.\n"


def test_the_doctor_looks_at_what_the_target_needs(small_target: Callable[..., StackSpec]) -> None:
    service = part("alpha")
    service["x-local"]["prepare"] = service["x-local"]["prepared"] = ["python", "-c", "print('all is there')"]
    small_target({"alpha": service})
    told = " ".join(CliRunner().invoke(cli.app, ["doctor", "-t", "small"]).output.split())
    assert "alpha: all is there" in told
    assert "not needed: nothing is to be fetched" in told


def test_the_doctor_says_what_to_do(small_target: Callable[..., StackSpec], monkeypatch: Any) -> None:
    small_target()
    monkeypatch.setattr(cli.doctor, "examine", lambda _: [cli.doctor.python((3, 9))])
    done = CliRunner().invoke(cli.app, ["doctor"])
    assert done.exit_code == 1
    assert "install Python 3.11 or newer" in " ".join(done.output.split())
