"""A stack of small services: started in order, watched, disturbed, ended."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from common.left import marked
from common.waits import PATIENCE, until
from messages.approved import approve
from small_stacks import SOON_SICK, part
from tickproof.stack import Stack, StackError, StackInputError
from tickproof.stack.spec import StackSpec

Up = Callable[..., Stack]
Compose = Callable[..., StackSpec]


def states(stack: Stack) -> dict[str, Any]:
    return {state.name: state for state in stack.status()}


def whats(stack: Stack, service: str) -> list[str]:
    return [event.what for event in stack.events() if event.service == service and event.what != "preparing"]


def after(services: dict[str, str]) -> dict[str, Any]:
    return {name: {"condition": f"service_{condition}"} for name, condition in services.items()}


def test_services_start_in_the_order_of_their_conditions(up: Up) -> None:
    stack = up(
        {
            "web": part("web", depends_on=after({"broker": "healthy", "task": "completed_successfully"})),
            "broker": part("broker", env={"READY_AFTER": "0.1"}),
            "task": part("task", health=False, env={"EXIT_CODE": "0"}, depends_on=["broker"]),
        }
    )
    order = [(event.service, event.what) for event in stack.events() if event.what != "created"]
    assert order.index(("broker", "started")) < order.index(("task", "started"))
    assert order.index(("broker", "healthy")) < order.index(("web", "started"))
    assert order.index(("task", "died")) < order.index(("web", "started"))
    assert order[-1] == ("web", "healthy")
    stack.wait_healthy(within=1)


def test_the_timeline_has_times_in_order(up: Up) -> None:
    stack = up()
    assert [event.what for event in stack.events()] == ["created", "started", "healthy"]
    assert [event.n for event in stack.events()] == [1, 2, 3]
    times = [event.at_ns for event in stack.events()]
    assert times == sorted(times)
    assert abs(times[-1] - time.time_ns()) < 5e9


def test_a_service_says_how_it_stands(up: Up) -> None:
    stack = up({"alpha": part("alpha"), "beta": part("beta", health=False)})
    alpha, beta = stack.status()
    assert (alpha.state, alpha.health, alpha.restarts, alpha.exit_code) == ("running", "healthy", 0, None)
    assert (beta.state, beta.health) == ("running", None)
    assert alpha.rss_bytes > 1e6
    assert alpha.pid is not None
    assert psutil.Process(alpha.pid).environ()["NAME"] == "alpha"


def test_a_service_gets_its_variables_and_little_of_our_environment(
    up: Up, compose: Compose, monkeypatch: Any
) -> None:
    monkeypatch.setenv("MY_PRIVATE_TOKEN", "s3cret")
    services = {"alpha": part("alpha", env={"WORD": "${WORD} in ${STATE_DIR} with ${LEVEL:-info}"})}
    stack = up(compose(services, environment={"WORD": "see ${CACHE_DIR}"}))
    pid = states(stack)["alpha"].pid
    environment = psutil.Process(pid).environ()
    cache, state = stack.variables["CACHE_DIR"], stack.variables["STATE_DIR"]
    assert environment["WORD"] == f"see {cache} in {state} with info"
    assert environment["PORT"] == stack.variables["ALPHA_PORT"]
    assert "MY_PRIVATE_TOKEN" not in environment
    assert stack.variables["WORD"] == f"see {cache}"


def test_logs_are_kept_per_service(up: Up) -> None:
    stack = up({"alpha": part("alpha", env={"WORD": "one"}), "beta": part("beta", env={"WORD": "two"})})
    assert stack.log_tail("alpha") == ["hello from alpha one"]
    assert stack.log_tail("beta", 1) == ["hello from beta two"]
    assert stack.log_tail("nobody") == []


def test_a_stack_is_reached_whatever_the_length_of_its_path(up: Up, monkeypatch: Any, tmp_path: Path) -> None:
    for folder in (tmp_path / ("long-" * 30), Path(tempfile.mkdtemp(dir="/tmp"))):
        monkeypatch.setenv("TICKPROOF_STATE_DIR", str(folder))
        stack = up()
        assert all(state.is_well for state in stack.status())
        stack.down()
    shutil.rmtree(folder)


def test_down_leaves_logs_and_timeline_and_nothing_else(up: Up, tmp_path: Path) -> None:
    stack = up({"alpha": part("alpha"), "beta": part("beta", depends_on=["alpha"])})
    data = Path(stack.variables["STATE_DIR"])
    assert data.is_dir()
    stack.down()
    assert marked(tmp_path) == []
    assert not data.exists()
    assert stack.log_tail("beta")[-1] == "stopping"
    assert [(event.service, event.what, event.exit_code) for event in stack.events()[-2:]] == [
        ("beta", "stopped", 0),
        ("alpha", "stopped", 0),
    ]
    with pytest.raises(StackError) as error:
        stack.status()
    approve("stack-is-gone", str(error.value))
    stack.down()


def test_a_service_that_ignores_its_signal_is_killed_after_its_grace(up: Up) -> None:
    stack = up({"alpha": part("alpha", stop_grace_period="200ms", env={"IGNORE_TERM": "1"})})
    began = time.monotonic()
    stack.stop("alpha")
    assert time.monotonic() - began >= 0.2
    assert states(stack)["alpha"].exit_code == 137


def test_a_service_has_its_grace_to_stop(up: Up) -> None:
    stack = up({"alpha": part("alpha", env={"STOP_TAKES": "0.3"})})
    stack.stop("alpha")
    assert (states(stack)["alpha"].state, states(stack)["alpha"].exit_code) == ("exited", 0)
    stack.start("alpha")
    stack.wait_healthy(["alpha"], within=PATIENCE)
    assert whats(stack, "alpha") == ["created", "started", "healthy", "stopped", "started", "healthy"]


def test_one_who_stops_a_service_has_patience_for_its_grace(up: Up, monkeypatch: Any) -> None:
    stack = up({"alpha": part("alpha", stop_grace_period="10m", env={"STOP_TAKES": "2"})})
    with monkeypatch.context() as patched:
        patched.setattr("tickproof.stack.wire._PATIENCE", 0.5)
        stack.restart("alpha")
    stack.wait_healthy(within=PATIENCE)
    with monkeypatch.context() as patched:
        patched.setattr("tickproof.stack.wire._PATIENCE", 0.5)
        stack.stop("alpha")
    assert (states(stack)["alpha"].state, states(stack)["alpha"].exit_code) == ("exited", 0)


def test_a_killed_service_is_started_again_by_its_policy(up: Up) -> None:
    stack = up({"alpha": part("alpha", restart="on-failure")})
    first = states(stack)["alpha"].pid
    stack.kill("alpha")
    stack.wait_event("alpha", "healthy", since=3, within=PATIENCE)
    now = states(stack)["alpha"]
    assert (now.restarts, now.state, now.health) == (1, "running", "healthy")
    assert now.pid != first
    assert whats(stack, "alpha")[3:] == ["died", "restarted", "started", "healthy"]
    died = next(event for event in stack.events() if event.what == "died")
    assert (died.pid, died.exit_code, died.detail) == (first, 137, "exit code 137, SIGKILL")


def test_without_a_policy_a_killed_service_stays_dead(up: Up) -> None:
    stack = up({"alpha": part("alpha")})
    stack.kill("alpha")
    assert (states(stack)["alpha"].state, states(stack)["alpha"].exit_code) == ("exited", 137)
    with pytest.raises(StackError, match="does not run"):
        stack.kill("alpha")
    with pytest.raises(StackError) as error:
        stack.wait_healthy(within=PATIENCE)
    approve("stack-service-has-ended", str(error.value), hide={str(stack.folder): "RUN"})


def test_a_stopped_service_is_not_started_again(up: Up) -> None:
    stack = up({"alpha": part("alpha", restart="always")})
    stack.stop("alpha")
    time.sleep(0.2)
    assert states(stack)["alpha"].state == "exited"
    assert whats(stack, "alpha")[-1] == "stopped"


def test_on_failure_gives_up_after_as_many_tries(up: Up) -> None:
    stack = up({"alpha": part("alpha", restart="on-failure:2")})
    stack.restart("alpha", environment={"EXIT_CODE": "7"})
    until(lambda: whats(stack, "alpha").count("died") == 3)
    time.sleep(0.1)
    now = states(stack)["alpha"]
    assert (now.state, now.exit_code, now.restarts) == ("exited", 7, 2)


def test_a_restart_can_change_command_and_environment_until_the_next(up: Up) -> None:
    stack = up({"alpha": part("alpha", restart="always")})
    stack.restart("alpha", environment={"WORD": "changed"})
    stack.wait_healthy(within=PATIENCE)
    stack.kill("alpha")
    stack.wait_event("alpha", "healthy", since=len(stack.events()) - 1, within=PATIENCE)
    stack.restart("alpha")
    stack.wait_healthy(within=PATIENCE)
    hellos = [line for line in stack.log_tail("alpha") if line.startswith("hello")]
    assert hellos == [
        "hello from alpha ",
        "hello from alpha changed",
        "hello from alpha changed",
        "hello from alpha ",
    ]


def test_another_command_takes_the_place_of_its_own(up: Up) -> None:
    stack = up({"alpha": part("alpha", health=False)})
    stack.restart(
        "alpha", command=["python", "-S", "-c", "print('somebody else'); import time; time.sleep(60)"]
    )
    until(lambda: stack.log_tail("alpha", 1) == ["somebody else"])


def test_a_paused_service_is_frozen_and_goes_on(up: Up) -> None:
    stack = up({"alpha": part("alpha")})
    pid = states(stack)["alpha"].pid
    stack.pause("alpha")
    assert states(stack)["alpha"].state == "paused"
    assert psutil.Process(pid).status() == psutil.STATUS_STOPPED
    time.sleep(0.5)  # five intervals, in which no check may fail
    stack.resume("alpha")
    stack.wait_healthy(within=PATIENCE)
    assert states(stack)["alpha"].pid == pid
    # What was known of its health before the pause is old: it is healthy when a check says so again.
    assert whats(stack, "alpha") == ["created", "started", "healthy", "paused", "resumed", "healthy"]


def test_a_paused_service_can_be_stopped(up: Up) -> None:
    stack = up({"alpha": part("alpha")})
    stack.pause("alpha")
    stack.stop("alpha")
    assert states(stack)["alpha"].exit_code == 0


def test_a_sick_service_becomes_unhealthy_and_well_again(up: Up) -> None:
    stack = up({"alpha": part("alpha", timing=SOON_SICK)})
    sick = Path(stack.variables["STATE_DIR"]) / "alpha" / "sick"
    sick.touch()
    event = stack.wait_event("alpha", "unhealthy", within=PATIENCE)
    assert event.detail == "HTTP 503: feeling unwell"
    assert (states(stack)["alpha"].health, states(stack)["alpha"].reason) == (
        "unhealthy",
        "HTTP 503: feeling unwell",
    )
    sick.unlink()
    stack.wait_event("alpha", "healthy", since=event.n, within=PATIENCE)
    assert states(stack)["alpha"].restarts == 0


def test_a_service_over_its_memory_limit_is_killed(up: Up) -> None:
    stack = up({"alpha": part("alpha", mem_limit="60m", restart="on-failure")})
    stack.restart("alpha", environment={"HOARD_MB": "200"})
    oom = stack.wait_event("alpha", "oom", within=PATIENCE)
    died = stack.wait_event("alpha", "died", since=oom.n, within=PATIENCE)
    assert died.exit_code == 137
    assert "60 MiB allowed" in died.detail
    stack.wait_event("alpha", "restarted", since=died.n, within=PATIENCE)


def test_the_memory_of_child_processes_counts(up: Up) -> None:
    child = "import os, time; hoard = bytearray(os.urandom(1 << 20)) * 100; time.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {child!r}])"
    service = {"mem_limit": "90m", "x-local": {"command": ["python", "-S", "-c", parent]}}
    stack = up({"alpha": service})
    stack.wait_event("alpha", "oom", within=PATIENCE)
    stack.wait_event("alpha", "died", within=PATIENCE)


def test_children_of_a_dead_service_die_with_it(up: Up, tmp_path: Path) -> None:
    child = "import time; time.sleep(60)"
    parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-S', '-c', {child!r}]); time.sleep(60)"
    stack = up({"alpha": {"x-local": {"command": ["python", "-S", "-c", parent]}}, "beta": part("beta")})
    until(lambda: len(marked(tmp_path)) == 4)  # supervisor, both services, the child
    os.kill(states(stack)["alpha"].pid, signal.SIGKILL)
    stack.wait_event("alpha", "died", within=PATIENCE)
    until(lambda: len(marked(tmp_path)) == 2)


def test_a_child_that_left_its_group_is_ended_with_the_stack(up: Up, tmp_path: Path) -> None:
    stack = up({"alpha": part("alpha", env={"CHILD": "1"})})
    assert len(marked(tmp_path)) == 3
    stack.down()
    assert marked(tmp_path) == []


def test_an_unknown_service_is_told(up: Up) -> None:
    stack = up({"alpha": part("alpha"), "beta": part("beta")})
    with pytest.raises(StackError) as error:
        stack.kill("alhpa")
    approve("stack-unknown-service", str(error.value))
    with pytest.raises(StackError, match="There is no service alhpa"):
        stack.wait_healthy(["alhpa"], within=1)


def test_an_event_that_does_not_come_is_told(up: Up) -> None:
    stack = up()
    with pytest.raises(StackError) as error:
        stack.wait_event("alpha", "died", within=0.1)
    approve("stack-event-did-not-come", str(error.value))


def test_data_can_be_laid_out_before_the_start(up: Up, tmp_path: Path) -> None:
    seed = tmp_path / "seed"
    (seed / "alpha").mkdir(parents=True)
    (seed / "alpha" / "starts").write_text("xx")
    stack = up({"alpha": part("alpha")}, seed=seed)
    assert (Path(stack.variables["STATE_DIR"]) / "alpha" / "starts").read_text() == "xxx"


# Start-up that fails


def failed(up: Up, services: dict[str, Any], **options: Any) -> str:
    with pytest.raises(StackError) as error:
        up(services, **options)
    return str(error.value)


def hide(message: str, tmp_path: Path) -> dict[str, str]:
    run = next((tmp_path / "state" / "runs").glob("*--*"))
    seconds = message.partition(" after ")[2].partition(":")[0]
    return {str(run): "RUN", f"after {seconds}:": "after 0.1 s:"}


def test_a_service_that_dies_while_starting_fails_the_start_at_once(up: Up, tmp_path: Path) -> None:
    bad = part("beta", env={"EXIT_CODE": "3", "WHY": "no such table"}, restart="always")
    message = failed(up, {"alpha": part("alpha"), "beta": bad})
    approve("stack-service-died-at-start", message, hide=hide(message, tmp_path))
    assert marked(tmp_path) == []


def test_a_service_that_ends_too_early_fails_the_start(up: Up, tmp_path: Path) -> None:
    message = failed(up, {"beta": part("beta", env={"EXIT_CODE": "0"})})
    approve("stack-service-ended-early", message, hide=hide(message, tmp_path))


def test_a_service_that_never_becomes_healthy_fails_the_start(up: Up, tmp_path: Path) -> None:
    sick = part("beta", env={"PORT": "1"}, timing={**SOON_SICK, "start_period": "100ms"})
    sick["x-local"]["command"] = ["python", "-S", "-c", "import time; print('thinking'); time.sleep(60)"]
    message = failed(up, {"beta": sick})
    approve("stack-service-unhealthy-at-start", message, hide=hide(message, tmp_path))


def test_a_start_that_takes_too_long_is_given_up(up: Up, tmp_path: Path) -> None:
    message = failed(up, {"beta": part("beta", env={"READY_AFTER": "60"})}, within=15)
    approve("stack-not-ready-in-time", message, hide=hide(message, tmp_path))
    assert marked(tmp_path) == []


def test_a_program_that_is_not_there_fails_the_start(up: Up, tmp_path: Path) -> None:
    message = failed(up, {"beta": {"x-local": {"command": ["no-such-program", "--now"]}}})
    approve("stack-no-such-program", message, hide=hide(message, tmp_path))


def test_a_port_taken_meanwhile_gives_a_hint(up: Up) -> None:
    services = {"beta": part("beta", env={"EXIT_CODE": "1", "WHY": "Address already in use"})}
    assert "Hint: another program took its port meanwhile" in failed(up, services)


def test_secrets_do_not_show_in_logs_and_messages(up: Up, compose: Compose) -> None:
    services = {"alpha": part("alpha", env={"WORD": "${API_KEYS}"})}
    stack = up(compose(services, api_keys={"default": 1000, "limited": 60}))
    (line,) = stack.log_tail("alpha")
    assert line == "hello from alpha default:<secret>:1000,limited:<secret>:60"
    assert len(stack.secrets) == 2
    assert not any(secret in (stack.folder / "stack.json").read_text() for secret in stack.secrets)
    assert not any(secret in (stack.folder / "events.jsonl").read_text() for secret in stack.secrets)
    assert not (stack.folder / "plan.json").exists()
    other = {"alpha": part("alpha", env={"EXIT_CODE": "1", "WHY": "${API_KEYS}"})}
    assert "default:<secret>:" in failed(up, other)


def test_each_stack_has_keys_of_its_own(up: Up, compose: Compose) -> None:
    one, two = up(compose(name="one")), up(compose(name="two"))
    assert not set(one.secrets) & set(two.secrets)


# Preparing


def preparing(code: str) -> dict[str, Any]:
    service = part("alpha")
    service["x-local"]["prepare"] = ["python", "-S", "-u", "-c", code, "${CACHE_DIR}"]
    return service


def test_a_preparation_tells_its_progress(up: Up) -> None:
    said: list[str] = []
    code = "import sys; [print('fetched', n, 'of 3') for n in (1, 2, 3)]; open(sys.argv[1] + '/jar', 'w').close()"
    stack = up({"alpha": preparing(code)}, progress=said.append)
    assert [line for line in said if "fetched" in line] == [f"alpha: fetched {n} of 3" for n in (1, 2, 3)]
    assert (Path(stack.variables["CACHE_DIR"]) / "jar").exists()


def test_a_preparation_that_fails_is_told(up: Up, tmp_path: Path) -> None:
    code = "import sys; print('the network cannot be reached'); sys.exit(4)"
    message = failed(up, {"alpha": preparing(code)})
    approve("stack-preparation-failed", message, hide=hide(message, tmp_path))
    assert marked(tmp_path) == []


def test_the_time_for_preparing_does_not_count(up: Up) -> None:
    code = "import time; [(print('still at it'), time.sleep(1)) for _ in range(12)]"
    up({"alpha": preparing(code)}, within=10)


# What cannot be used


def test_a_disk_without_room_is_told(up: Up, monkeypatch: Any, tmp_path: Path) -> None:
    usage = type("usage", (), {"free": 12_000_000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(StackInputError) as error:
        up()
    approve("stack-no-disk-space", str(error.value), hide={str(tmp_path): "HOME"})


def test_a_state_folder_that_is_a_file_is_told(up: Up, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("not a folder")
    with pytest.raises(StackInputError) as error:
        up()
    approve("stack-state-is-a-file", str(error.value), hide={str(tmp_path): "HOME"})


def test_a_variable_that_the_target_cannot_fill_in_is_told(up: Up, compose: Compose, tmp_path: Path) -> None:
    with pytest.raises(StackInputError) as error:
        up(compose(environment={"WAREHOUSE": "${STATE_DRI}/lake"}))
    approve("stack-unknown-variable-in-target", str(error.value))
    assert list((tmp_path / "state" / "runs").iterdir()) == []


def test_a_name_that_is_no_file_name_is_refused(up: Up, compose: Compose) -> None:
    with pytest.raises(StackInputError, match="cannot be called"):
        up(compose(name="../up"))
