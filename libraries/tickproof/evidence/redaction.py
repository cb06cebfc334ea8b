"""Secrets: known by value, taken out of every message, and looked for in every file that a run leaves behind.

A value is looked for as it is, and as it looks in a URL, in JSON, in HTML and XML, and in Base64 wherever it may
begin there (so also inside an `Authorization: Basic` header). What is compressed is not looked into; the texts of a
ledger are not compressed, so they are.
"""

import base64
import contextlib
import html
import json
import mmap
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

from robot.api import logger
from robot.api.types import Secret

MASK = "<secret>"
"""What stands in a message in place of a secret; Robot shows a `Secret` the same way."""

SHORTEST = 6
"""Letters that a secret must have: a shorter one would be found in innocent text."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A file in which a secret stood.

    Attributes:
        path: The file.
        secret: The secret's name, never its value.
        places: How often it stood there.
    """

    path: Path
    secret: str
    places: int


class Registry:
    """The secrets of a run, by value."""

    def __init__(self) -> None:
        self._forms: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None
        self._too_short: set[str] = set()

    def add(self, name: str, secret: Secret | str) -> None:
        """Remember a secret.

        Args:
            name: How messages may call it.
            secret: Its value.

        Raises:
            ValueError: The value is too short to be told from innocent text.
        """
        value = secret.value if isinstance(secret, Secret) else secret
        if len(value) < SHORTEST:
            raise ValueError(
                f"Secret {name} has fewer than {SHORTEST} letters, so it cannot be kept out of a log."
            )
        if value not in self._forms:
            self._forms |= dict.fromkeys(forms(value), name)
            longest_first = sorted(self._forms, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def note(self, name: str, secret: Secret | str) -> None:
        """Remember a secret; warn, once, of one that is too short to be told from innocent text."""
        try:
            self.add(name, secret)
        except ValueError as error:
            if name not in self._too_short:
                self._too_short.add(name)
                logger.warn(str(error))

    def clear(self) -> None:
        """Forget all."""
        self._forms.clear()
        self._too_short.clear()
        self._pattern = None

    def redact(self, text: str) -> str:
        """Return a text without any secret."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def clean(self, folder: Path, beside: Iterable[Path] = ()) -> list[Leak]:
        """Look for every secret in every file of a folder and below, and overwrite it with asterisks.

        Each file is written in place and keeps its length: whoever still writes to it goes on doing so, and offsets
        in it stay right.

        Args:
            folder: The folder.
            beside: Files elsewhere; those that are not there count as clean.
        """
        if not self._forms:
            return []
        looked_for = sorted((form.encode() for form in self._forms), key=len, reverse=True)
        inside = {path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}
        elsewhere = {path.resolve() for path in beside} - {path.resolve() for path in inside}
        files = [*sorted(inside), *sorted(path for path in elsewhere if path.is_file())]
        return [leak for path in files for leak in self._clean_file(path, looked_for)]

    def _clean_file(self, path: Path, looked_for: Sequence[bytes]) -> Iterator[Leak]:
        held = _held(path, looked_for)
        if not held:
            return
        found: dict[str, int] = {}
        for form, places in _overwritten(path, held).items():
            name = self._forms[form.decode()]
            found[name] = found.get(name, 0) + places
        for name, places in found.items():
            yield Leak(path, name, places)


SECRETS = Registry()
"""The secrets of this process."""


def forms(value: str) -> frozenset[str]:
    """Return the ways in which a value may be written down."""
    in_json = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    in_markup = {html.escape(value), html.escape(value, quote=False)}
    in_url = {quote(value), quote(value, safe=""), quote_plus(value)}
    return frozenset({value} | in_json | in_markup | in_url | set(_in_base64(value)))


def _in_base64(value: str) -> Iterator[str]:
    """Yield the letters that are the same in Base64 whatever stands before and behind the value."""
    data = value.encode()
    for before in range(3):
        whole = base64.b64encode(bytes(before) + data).decode()
        core = whole[(0, 2, 3)[before] : (before + len(data)) * 8 // 6]
        if len(core) >= SHORTEST:
            yield core
            yield core.replace("+", "-").replace("/", "_")


def _held(path: Path, looked_for: Sequence[bytes]) -> list[bytes]:
    """Return those forms that a file holds, in the same order."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:  # somebody may tidy up meanwhile
        if os.fstat(file.fileno()).st_size > 0:  # an empty file cannot be mapped
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
                return [form for form in looked_for if view.find(form) >= 0]
    return []


def _overwritten(path: Path, looked_for: Sequence[bytes]) -> dict[bytes, int]:
    """Overwrite what a file holds of these, in this order, and return how often each was there."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if not os.access(path, os.W_OK):
        path.chmod(mode | stat.S_IWUSR)
    found: dict[bytes, int] = {}
    try:
        with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as view:
            for form in looked_for:
                at = view.find(form)
                while at >= 0:
                    view[at : at + len(form)] = b"*" * len(form)
                    found[form] = found.get(form, 0) + 1
                    at = view.find(form, at + len(form))
    finally:
        path.chmod(mode)
    return found
