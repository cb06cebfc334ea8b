"""Where a client stands between two pages: opaque, signed, and bound to its snapshot and its question.

A cursor pins the snapshot of the first page. Rows that arrive later, or late, are not part of that answer: no
page can skip or repeat a row. It also notes how far that snapshot had read its source, so that the same rows can
be found after it expired.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

import msgspec

from tickerplant.api.store import Position, Source

_TAG_BYTES = 16


class CursorError(ValueError):
    """The text is no cursor of ours, or it was altered."""


@dataclass(frozen=True)
class Cursor:
    """A place in an answer.

    Args:
        snapshot: Snapshot that the answer is made from.
        question: Digest of the filters; pages of one answer have the same.
        position: The last row served.
        source: How far the snapshot had read its source.
    """

    snapshot: int
    question: str
    position: Position
    source: Source | None = None


class Cursors:
    """Writes and reads cursors.

    Args:
        secret: Key of the signatures; cursors stay valid over a restart when it does not change.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def write(self, cursor: Cursor) -> str:
        """Return the cursor as opaque text that is safe in a URL."""
        body = msgspec.msgpack.encode(cursor)
        return _spell(self._tag(body) + body)

    def read(self, text: str) -> Cursor:
        """Return the cursor that `write` made a text of.

        Raises:
            CursorError: The text was altered or is not ours.
        """
        try:
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            raw = base64.b64decode(padded, altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error) as error:
            raise CursorError from error
        tag, body = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(body)) or _spell(raw) != text:
            raise CursorError
        return msgspec.msgpack.decode(body, type=Cursor)

    def _tag(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, body, "sha256")[:_TAG_BYTES]


def question_digest(*parts: object) -> str:
    """Return a short digest of what is asked, the same for the same filters."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _spell(raw: bytes) -> str:
    """Return the one accepted spelling of raw bytes: base64 itself has several for the same bytes."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
