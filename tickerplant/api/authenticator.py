"""Who asks: API keys from one setting, compared in constant time."""

import hashlib
import hmac
import re
from dataclasses import dataclass

from tickerplant.service import SettingsError

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_KEY = re.compile(r"[\x21-\x2b\x2d-\x39\x3b-\x7e]{1,256}", re.ASCII)  # visible, neither comma nor colon
_MOST_PER_MINUTE = 10_000_000


@dataclass(frozen=True)
class Client:
    """Somebody who holds a key.

    Args:
        name: What logs call them; the key itself is never logged.
        per_minute: Requests that they may send a minute.
    """

    name: str
    per_minute: int


class Authenticator:
    """Knows the clients by their keys.

    Args:
        keys: Key -> client.
    """

    def __init__(self, keys: dict[str, Client]) -> None:
        self._clients = [(_digest(key.encode()), client) for key, client in keys.items()]

    def identify(self, presented: bytes) -> Client | None:
        """Return the client of a key, else None.

        All keys are compared, each by digest and in constant time: the time taken tells nothing of them.
        """
        wanted = _digest(presented)
        found = None
        for digest, client in self._clients:
            if hmac.compare_digest(digest, wanted):
                found = client
        return found


def read_keys(text: str) -> dict[str, Client]:
    """Read `name:key:per_minute,...`.

    Raises:
        SettingsError: The text has another form; the message names the entry by its number and shows no key.
    """
    keys: dict[str, Client] = {}
    names = set()
    for number, entry in enumerate(text.split(","), start=1):
        if not entry.strip():
            continue
        name, _, rest = entry.strip().partition(":")
        key, _, per_minute = rest.partition(":")
        if not (_NAME.fullmatch(name) and _KEY.fullmatch(key) and _is_rate(per_minute)):
            raise SettingsError(
                f"API_KEYS entry {number} must be name:key:per_minute, with a whole number above 0."
            )
        if key in keys or name in names:
            raise SettingsError(f"API_KEYS entry {number} repeats a name or a key of an earlier one.")
        names.add(name)
        keys[key] = Client(name, int(per_minute))
    return keys


def _is_rate(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= _MOST_PER_MINUTE


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
