"""Ports: free, low, and never twice."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from messages.approved import approve
from tickproof.stack import StackInputError
from tickproof.stack.ports import Ports, is_free


@pytest.fixture
def holder(tmp_path: Path) -> Ports:
    return Ports(tmp_path / "ports")


def test_ports_are_low_different_and_free(holder: Ports) -> None:
    chosen = holder.choose([f"P{n}" for n in range(50)], {})
    assert len(set(chosen.values())) == 50
    assert all(1024 < port < 32768 and is_free(port) for port in chosen.values())
    holder.release()


def test_two_holders_never_have_the_same_port(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tickproof.stack.ports import Ports\n"
        "ports = Ports(Path(sys.argv[1]))\n"
        "print(*ports.choose([f'P{n}' for n in range(500)], {}).values(), flush=True)\n"
        "sys.stdin.read()"
    )
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "ports")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    chosen = [start.stdout.readline().split() for start in starts if start.stdout]
    for start in starts:
        start.communicate()
    assert len({port for ports in chosen for port in ports}) == 4 * 500


def test_a_released_port_can_be_had_again(tmp_path: Path) -> None:
    first, second = Ports(tmp_path / "ports"), Ports(tmp_path / "ports")
    port = first.choose(["P"], {})["P"]
    with pytest.raises(StackInputError):
        second.choose(["P"], {"P": str(port)})
    first.release()
    assert second.choose(["P"], {"P": str(port)}) == {"P": port}
    second.release()


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_a_fixed_port_in_use_is_told_with_its_user(holder: Ports) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StackInputError) as error:
            holder.choose(["KAFKA_PORT"], {"KAFKA_PORT": str(port)})
    who = str(error.value).partition(" by process ")[2].partition(";")[0]
    approve("stack-port-in-use", str(error.value), hide={str(port): "29092", who: "4711 (java)"})
    holder.release()


def test_a_fixed_port_of_another_stack_is_told(holder: Ports, tmp_path: Path) -> None:
    port = str(holder.choose(["P"], {})["P"])
    other = Ports(tmp_path / "ports")
    with pytest.raises(StackInputError) as error:
        other.choose(["KAFKA_PORT"], {"KAFKA_PORT": port})
    approve("stack-port-of-another-stack", str(error.value), hide={port: "29092"})
    holder.release()


def test_what_is_no_port_is_refused(holder: Ports) -> None:
    with pytest.raises(StackInputError) as error:
        holder.choose(["KAFKA_PORT"], {"KAFKA_PORT": "70000"})
    approve("stack-not-a-port", str(error.value))
