"""Services prepared ahead of any start."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from common.waits import PATIENCE, until
from messages.approved import approve
from small_stacks import part
from tickproof.stack import StackError, StackInputError, folders
from tickproof.stack.readying import Readiness, look, prepare_services
from tickproof.stack.spec import StackSpec

Compose = Callable[..., StackSpec]

TELL = "import os, sys; print(*sys.argv[1:], flush=True); open(os.environ['CACHE_DIR'] + '/done', 'a').write('x')"


def preparing(code: str, *words: str, key: str = "prepare") -> dict[str, Any]:
    service = part("alpha")
    service["x-local"][key] = ["python", "-S", "-c", code, *words]
    return {"alpha": service, "beta": part("beta")}


def prepared(spec: StackSpec) -> tuple[list[str], list[str]]:
    said: list[str] = []
    return prepare_services(spec, said.append), said


def test_a_service_is_prepared_with_what_the_target_sets(
    compose: Compose, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("PROFILE", "small")
    monkeypatch.setenv("COLOUR", "red")
    words = ("${PROFILE:-none}", "${PLACE}", "${COLOUR}", "${SYMBOLS}", "${SIZE:-7}")
    settings = {"PROFILE": "low-latency", "PLACE": "${CACHE_DIR}/here", "LATER": "${STATE_DIR}/lake"}
    spec = compose(preparing(TELL, *words), environment=settings, symbols=("A", "B"))
    cache = tmp_path / "cache"
    assert prepared(spec) == (["alpha"], [f"alpha: low-latency {cache}/here red A,B 7"])
    assert (cache / "done").read_text() == "x"


@pytest.mark.parametrize("name", ["STATE_DIR", "ALPHA_PORT", "LATER"])
def test_what_is_not_known_before_a_start_is_refused(compose: Compose, tmp_path: Path, name: str) -> None:
    spec = compose(preparing(TELL, f"${{{name}}}"), environment={"LATER": "${STATE_DIR}/lake"})
    with pytest.raises(StackInputError) as error:
        prepared(spec)
    approve("stack-prepare-too-early", str(error.value), hide={str(tmp_path): "HERE", name: "NAME"})


def test_a_preparation_that_fails_is_told(compose: Compose) -> None:
    with pytest.raises(StackError) as error:
        prepared(compose(preparing("import sys; sys.exit(4)")))
    assert str(error.value) == "alpha could not be prepared (exit code 4); the line above says why."
    service = part("alpha")
    service["x-local"]["prepare"] = ["no-such-program"]
    with pytest.raises(StackError) as error:
        prepared(compose({"alpha": service}))
    assert str(error.value) == "alpha cannot be prepared: no-such-program: No such file or directory."


def test_one_who_waits_for_another_preparation_is_told_so(compose: Compose, tmp_path: Path) -> None:
    spec = compose(preparing(TELL, "done"))
    cache = tmp_path / "cache"
    cache.mkdir()
    free = threading.Event()
    said: list[str] = []

    def hold() -> None:
        with folders.only_one(cache / "prepare.lock"):
            held.set()
            free.wait(PATIENCE)

    def heard(line: str) -> None:
        said.append(line)
        free.set()

    held = threading.Event()
    other = threading.Thread(target=hold)
    other.start()
    held.wait(PATIENCE)
    assert prepare_services(spec, heard) == ["alpha"]
    other.join()
    assert said == ["waiting for another run that prepares the same", "alpha: done"]


def test_a_look_finds_out_and_changes_nothing(compose: Compose, tmp_path: Path) -> None:
    def readiness(code: str) -> list[Readiness]:
        services = preparing(TELL)
        services["alpha"]["x-local"]["prepared"] = ["python", "-S", "-c", code, "${CACHE_DIR}"]
        return look(compose(services))

    assert readiness("print('one'); print('all is there')") == [Readiness("alpha", True, "all is there")]
    assert readiness("import sys; sys.exit('no jar')") == [Readiness("alpha", False, "no jar")]
    assert readiness("import sys; sys.exit(3)") == [Readiness("alpha", False, "exit code 3, without a word")]
    (unknown,) = look(compose(preparing(TELL)))
    assert (unknown.complete, "`prepared`" in unknown.said) == (None, True)
    assert look(compose()) == []
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_when_a_preparation_is_killed_nothing_of_it_goes_on(compose: Compose, number: signal.Signals) -> None:
    slow = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(600)"
    code = (
        "import sys; from pathlib import Path; from tickproof.stack.readying import prepare_services\n"
        "from tickproof.stack.spec import StackSpec\n"
        "prepare_services(StackSpec('small', Path(sys.argv[1])), lambda line: print(line, flush=True))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(compose(preparing(slow)).compose)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ,
    )
    assert process.stdout
    child = psutil.Process(int(process.stdout.readline().rpartition(" ")[2]))
    try:
        process.send_signal(number)
        process.wait(PATIENCE)
        until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    finally:
        for each in (process, child):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        process.communicate()
