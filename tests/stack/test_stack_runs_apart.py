"""Runs side by side, kept stacks, and what is left when somebody is killed."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from common.left import marked
from common.waits import PATIENCE, until
from messages.approved import approve
from small_stacks import part
from tickproof.stack import Stack, StackError, StackInputError, folders, processes
from tickproof.stack.spec import StackSpec

Up = Callable[..., Stack]
Compose = Callable[..., StackSpec]

RUNNER = """
import sys, time
from pathlib import Path
from tickproof.stack import Stack
from tickproof.stack.spec import StackSpec
def tell(line):
    print(line, flush=True)
stack = Stack.up(StackSpec("small", Path(sys.argv[1])), keep="keep" in sys.argv, lend="lend" in sys.argv, progress=tell)
tell(f"up {stack.folder}")
time.sleep(600)
"""


@pytest.fixture
def runner(compose: Compose) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts another process that brings a stack up, and returns when that says a certain word."""
    started = []

    def start(
        services: dict[str, Any] | None = None, *options: str, until: str = "up"
    ) -> "subprocess.Popen[str]":
        spec = compose(services)
        argv = [sys.executable, "-c", RUNNER, str(spec.compose), *options]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        started.append(process)
        assert process.stdout
        while until not in (line := process.stdout.readline()):
            assert line, "the runner ended"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def all_gone(folder: Path) -> None:
    """Waits until no process of the runs below a folder is left, and no run counts as alive.

    A process that ends has no environment any more, but for a moment still its lock.
    """
    until(lambda: not marked(folder))
    until(lambda: not any(folders.is_alive(run) for run in folders.runs()))


def supervisor_of(stack: Stack) -> psutil.Process:
    found = [psutil.Process(pid) for pid in marked(stack.folder)]
    return next(process for process in found if "tickproof.stack.supervisor" in process.cmdline())


# Side by side


def test_two_stacks_side_by_side_do_not_meet(up: Up, compose: Compose) -> None:
    services = {"alpha": part("alpha"), "beta": part("beta")}
    one, two = up(compose(services)), up(compose(services))
    assert one.folder != two.folder
    ports = [stack.variables[name] for stack in (one, two) for name in ("ALPHA_PORT", "BETA_PORT")]
    assert len(set(ports)) == 4
    one.kill("alpha")
    assert [state.state for state in one.status()] == ["exited", "running"]
    assert [state.state for state in two.status()] == ["running", "running"]
    one.down()
    assert all(state.is_well for state in two.status())


def test_many_starts_at_once_never_meet(compose: Compose) -> None:
    spec = compose({name: part(name) for name in ("alpha", "beta", "gamma")})
    stacks: list[Stack] = []
    threads = [threading.Thread(target=lambda: stacks.append(Stack.up(spec))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        ports = [stack.variables[f"{name}_PORT"] for stack in stacks for name in ("ALPHA", "BETA", "GAMMA")]
        assert len(set(ports)) == 12
        assert all(int(port) < 32768 for port in ports)
    finally:
        for stack in stacks:
            stack.down()


# Who is killed


def test_when_the_runner_is_killed_all_is_gone(runner: Any, own_folders: Path) -> None:
    stubborn = part("beta", env={"IGNORE_TERM": "1"}, stop_grace_period="60s")
    stray = part("gamma", env={"CHILD": "1"})
    process = runner({"alpha": part("alpha"), "beta": stubborn, "gamma": stray})
    assert len(marked(own_folders)) == 5
    process.kill()
    all_gone(own_folders)
    (folder,) = folders.runs()
    assert (folder / "ended").exists()
    assert not (folder / "data").exists()
    assert "stopping" in (folder / "logs" / "alpha.log").read_text()


def test_when_the_runner_is_killed_while_it_starts_all_is_gone(runner: Any, own_folders: Path) -> None:
    process = runner({"alpha": part("alpha", env={"READY_AFTER": "60"})}, until="alpha started")
    process.kill()
    all_gone(own_folders)


def test_when_the_runner_is_killed_while_it_prepares_all_is_gone(runner: Any, own_folders: Path) -> None:
    service = part("alpha")
    child = "[sys.executable, '-S', '-c', 'import time; time.sleep(600)']"
    code = f"import subprocess, sys; print('fetching', flush=True); subprocess.run({child})"
    service["x-local"]["prepare"] = ["python", "-S", "-c", code]
    process = runner({"alpha": service}, until="fetching")
    process.kill()
    all_gone(own_folders)


def test_a_kept_stack_is_not_kept_when_its_start_is_killed(runner: Any, own_folders: Path) -> None:
    process = runner({"alpha": part("alpha", env={"READY_AFTER": "60"})}, "keep", until="alpha started")
    process.kill()
    all_gone(own_folders)
    assert Stack.find("small") is None


def test_ctrl_c_while_it_starts_leaves_nothing(runner: Any, own_folders: Path) -> None:
    process = runner({"alpha": part("alpha", env={"READY_AFTER": "60"})}, "keep", until="alpha started")
    process.send_signal(signal.SIGINT)
    process.wait(PATIENCE)
    assert marked(own_folders) == []


def test_a_runner_that_ends_without_a_word_takes_its_stack_along(compose: Compose, own_folders: Path) -> None:
    code = RUNNER.replace("time.sleep(600)", "pass")
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(compose().compose)], check=True, capture_output=True
    )
    all_gone(own_folders)


def test_services_die_with_their_supervisor(up: Up, own_folders: Path) -> None:
    stack = up({"alpha": part("alpha"), "beta": part("beta", env={"IGNORE_TERM": "1"})})
    supervisor_of(stack).kill()
    all_gone(own_folders)
    with pytest.raises(StackError, match="its supervisor has ended"):
        stack.status()
    stack.down()
    assert (stack.folder / "ended").exists()


def test_the_next_start_reaps_what_a_killed_supervisor_left_and_nothing_else(
    up: Up, own_folders: Path
) -> None:
    stack = up({"alpha": part("alpha", env={"CHILD": "1"})})
    other = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    marked_otherwise = subprocess.Popen(
        [sys.executable, "-S", "-c", "import time; time.sleep(600)"],
        env={**os.environ, processes.MARK: str(stack.folder) + "-not"},
    )
    try:
        supervisor_of(stack).kill()
        until(lambda: len(marked(own_folders)) == 2)  # the child that left its group, and the stranger
        said: list[str] = []
        second = up(progress=said.append)
        assert said[0] == f"Ended 1 processes that the run {stack.folder.name} had left behind."
        assert marked(stack.folder) == [marked_otherwise.pid]
        assert (other.poll(), marked_otherwise.poll()) == (None, None)
        assert all(state.is_well for state in second.status())
    finally:
        for process in (other, marked_otherwise):
            process.kill()
            process.wait()


def test_a_supervisor_that_hangs_is_ended_by_down(up: Up, own_folders: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("tickproof.stack.ending.AT_LEAST", 0.2)
    monkeypatch.setattr("tickproof.stack.wire._PATIENCE", 0.2)
    stack = up()
    supervisor_of(stack).suspend()
    stack.down()
    all_gone(own_folders)


def test_a_supervisor_that_hangs_is_told_as_one(up: Up, own_folders: Path, monkeypatch: Any) -> None:
    stack = up(keep=True)
    supervisor_of(stack).suspend()
    monkeypatch.setattr("tickproof.stack.wire._PATIENCE", 0.2)
    for ask in (stack.status, lambda: Stack.find("small")):
        with pytest.raises(StackError) as error:
            ask()
        approve("stack-hangs", str(error.value))
    assert Stack.end("small")
    all_gone(own_folders)
    assert not Stack.end("small")


def test_a_supervisor_that_hangs_while_it_starts_ends_the_start(
    compose: Compose, own_folders: Path, monkeypatch: Any
) -> None:
    def hang(line: str) -> None:
        if "alpha started" in line:
            (found,) = [run for run in folders.runs() if folders.is_alive(run)]
            supervisor_of(Stack(found, kept=False)).suspend()
            monkeypatch.setattr("tickproof.stack.wire._PATIENCE", 0.2)
            monkeypatch.setattr("tickproof.stack.ending.AT_LEAST", 0.2)

    with pytest.raises(StackError, match="does not answer within"):
        Stack.up(compose({"alpha": part("alpha", env={"READY_AFTER": "60"})}), progress=hang)
    all_gone(own_folders)


def test_a_run_whose_lock_nobody_lets_go_is_told(monkeypatch: Any) -> None:
    monkeypatch.setattr("tickproof.stack.ending.AT_LEAST", 0.05)
    monkeypatch.setattr("tickproof.stack.folders._YOUNG", 0.0)
    folder, lock = folders.new_run("small")
    try:
        with pytest.raises(StackError) as error:
            Stack.end("small")
    finally:
        os.close(lock)
    approve("stack-cannot-be-ended", str(error.value), hide={str(folder): "RUN"})


def test_a_run_of_its_own_is_not_ended_by_name(up: Up) -> None:
    own, kept = up(), up(keep=True)
    assert Stack.end("small")
    assert (folders.is_alive(own.folder), folders.is_alive(kept.folder)) == (True, False)
    assert not Stack.end("small")


def test_a_terminated_supervisor_ends_in_good_order(up: Up, own_folders: Path) -> None:
    stack = up()
    supervisor_of(stack).terminate()
    all_gone(own_folders)
    assert stack.events()[-1].what == "stopped"


# Kept


def test_a_kept_stack_outlives_its_start_and_is_found_again(
    runner: Any, compose: Compose, own_folders: Path
) -> None:
    runner(None, "keep").kill()
    time.sleep(0.3)
    stack = Stack.find(compose())
    assert stack is not None
    assert stack.kept
    assert all(state.is_well for state in stack.status())
    assert Stack.up(compose(), keep=True).folder == stack.folder
    stack.down()
    assert marked(own_folders) == []
    assert Stack.find(compose()) is None


def test_a_run_of_its_own_is_not_found(up: Up, compose: Compose) -> None:
    stack = up()
    assert Stack.find(compose()) is None
    assert not stack.kept


def test_a_kept_stack_of_something_else_is_refused(up: Up, compose: Compose) -> None:
    stack = up(compose(), keep=True)
    for services, settings in (({"alpha": part("alpha", mem_limit="1g")}, {}), (None, {"LEVEL": "debug"})):
        changed = compose(services, environment=settings)
        for attempt in (Stack.find, lambda spec: Stack.up(spec, keep=True)):
            with pytest.raises(StackInputError) as error:
                attempt(changed)
            approve("stack-kept-one-differs", str(error.value))
    found = Stack.find(compose())
    assert found is not None
    assert found.folder == stack.folder


def test_two_who_want_to_keep_the_same_get_the_same(compose: Compose) -> None:
    spec = compose()
    stacks: list[Stack] = []
    threads = [threading.Thread(target=lambda: stacks.append(Stack.up(spec, keep=True))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({stack.folder for stack in stacks}) == 1
    for stack in stacks:
        stack.down()


def test_a_kept_stack_with_a_damaged_folder_is_told_and_can_be_ended(
    up: Up, monkeypatch: Any, own_folders: Path
) -> None:
    monkeypatch.setattr("tickproof.stack.folders._YOUNG", 0.0)
    stack = up(keep=True)
    (stack.folder / "control.sock").unlink()
    with pytest.raises(StackError) as error:
        Stack.find("small")
    approve("stack-damaged", str(error.value), hide={str(stack.folder): "STATE/runs/RUN"})
    assert Stack.end("small")
    assert marked(own_folders) == []
    assert not Stack.end("small")


def test_logs_of_a_long_run_that_ended_last_are_kept(up: Up, monkeypatch: Any) -> None:
    monkeypatch.setattr(folders, "_KEPT_RUNS", 2)
    long = up()
    short = []
    for _ in range(3):
        stack = up()
        short.append(stack.folder)
        stack.down()
    long.down()
    folders.clean()
    assert [folder.exists() for folder in (long.folder, *short)] == [True, False, False, True]
    assert (long.folder / "logs" / "alpha.log").exists()


def test_logs_of_the_last_runs_are_kept_and_older_ones_removed(up: Up, monkeypatch: Any) -> None:
    runs = []
    monkeypatch.setattr(folders, "_KEPT_RUNS", 2)
    for _ in range(4):
        stack = up()
        runs.append(stack.folder)
        stack.down()
    up()
    assert [folder.exists() for folder in runs] == [False] * 2 + [True] * 2
    assert (runs[-1] / "logs" / "alpha.log").exists()
    assert not (runs[-1] / "data").exists()


# Held


def test_a_stack_is_held_shared_by_many_or_by_one_alone(up: Up) -> None:
    stack = up()
    with stack.hold(exclusive=False, within=1), stack.hold(exclusive=False, within=1):
        with pytest.raises(StackError) as error, stack.hold(exclusive=True, within=0.1):
            pass
        approve("stack-held-by-others", str(error.value))
    with (
        stack.hold(exclusive=True, within=1),
        pytest.raises(StackError, match="together with others"),
        stack.hold(exclusive=False, within=0.1),
    ):
        pass


def test_one_who_waits_to_be_alone_is_not_overtaken(up: Up, monkeypatch: Any) -> None:
    monkeypatch.setattr("tickproof.stack.holding.SOON", 0.0)
    stack = up()
    order: list[str] = []
    waits: list[str] = []

    def alone() -> None:
        with stack.hold(exclusive=True, within=PATIENCE):
            order.append("alone")

    def shared() -> None:
        with stack.hold(exclusive=False, within=PATIENCE, progress=waits.append):
            order.append("shared")

    with stack.hold(exclusive=False, within=PATIENCE):
        first = threading.Thread(target=alone)
        first.start()
        until(lambda: door_is_closed(stack))
        second = threading.Thread(target=shared)
        second.start()
        until(lambda: waits or order)
    first.join()
    second.join()
    assert order == ["alone", "shared"]


def door_is_closed(stack: Stack) -> bool:
    """Tells whether somebody waits to be alone: newcomers do not get through the door any more."""
    with (stack.folder / "hold-door").open() as door:
        try:
            fcntl.flock(door, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_one_who_waits_for_others_is_told_so_once(up: Up) -> None:
    stack = up()
    said: list[str] = []
    with stack.hold(exclusive=False, within=PATIENCE, progress=said.append):
        pass
    assert said == []

    def alone() -> None:
        with stack.hold(exclusive=True, within=PATIENCE, progress=said.append):
            said.append("held")

    with stack.hold(exclusive=False, within=PATIENCE):
        waits = threading.Thread(target=alone)
        waits.start()
        until(lambda: said)
        assert until(lambda: door_is_closed(stack))
    waits.join()
    assert said == [f"waiting for another run that holds the stack (up to {PATIENCE:g} s)", "held"]


def test_one_who_waits_for_another_start_is_told_so(compose: Compose, tmp_path: Path) -> None:
    spec = compose()
    said: list[str] = []
    stacks: list[Stack] = []
    (tmp_path / "state").mkdir()
    with folders.only_one(tmp_path / "state" / "keep-small.lock"):
        waits = threading.Thread(
            target=lambda: stacks.append(Stack.up(spec, keep=True, progress=said.append))
        )
        waits.start()
        until(lambda: said)
    waits.join()
    stacks[0].down()
    assert said.count("waiting for another start of the same stack") == 1


# The supervisor itself


def test_the_supervisor_is_light(up: Up) -> None:
    stack = up()
    supervisor = supervisor_of(stack)
    stack.status()
    assert supervisor.memory_info().rss < 45e6
    assert supervisor.num_threads() == 1
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import tickproof.stack.supervisor"],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    for heavy in ("pydantic", "pyarrow", "typer", "robot", "numpy", "requests"):
        assert f" {heavy}\n" not in loaded


def test_a_supervisor_that_cannot_work_is_told(compose: Compose, own_folders: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("tickproof.stack.model.StackPlan.to_json", lambda _: {"name": "broken"})
    with pytest.raises(StackError, match=r"The supervisor of stack small ended: .*services"):
        Stack.up(compose())
    assert marked(own_folders) == []


def test_an_unknown_order_is_refused(up: Up) -> None:
    stack = up()
    with pytest.raises(StackError, match="The stack takes no such order"):
        stack._ask("dance")


# Lent


def test_a_lent_stack_is_found_and_ends_with_its_owner(
    runner: Any, compose: Compose, own_folders: Path
) -> None:
    process = runner(None, "lend")
    found = Stack.find(compose())
    assert found is not None
    assert all(state.is_well for state in found.status())
    process.kill()
    all_gone(own_folders)
    assert Stack.find(compose()) is None
