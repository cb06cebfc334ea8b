"""From what a request says of snapshots and cursors to the view of the table that answers it."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from tickerplant.api.cursors import Cursor, CursorError
from tickerplant.api.parts import Parts
from tickerplant.api.problems import Problem, bad_parameter, not_found
from tickerplant.api.store import SnapshotGoneError, View
from tickerplant.lake import LakeUnavailableError

Result = TypeVar("Result")

_ATTEMPTS = 3


class Reader:
    """Reads the store as of the snapshot that a request means.

    Args:
        parts: The API's parts.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def read(self, snapshot: int | None, work: Callable[[View], Result]) -> Result:
        """Do the work on a view of the named snapshot, or of the newest.

        Raises:
            Problem: 404, there is no such snapshot.
        """
        if snapshot is None:
            return self._newest(work)
        try:
            return work(self._parts.store.at(snapshot))
        except SnapshotGoneError:
            raise not_found(
                "There is no such snapshot, or it expired; /v1/snapshots lists those that are kept."
            ) from None

    def resume(self, cursor: Cursor | None, snapshot: int | None, work: Callable[[View], Result]) -> Result:
        """Do the work on the view that a cursor pins, or else as `read` does.

        When the pinned snapshot expired, the same rows are found in the newest one: a row was in it if it came
        from before the places up to which its source had been read. Rows move between files but never leave.

        Raises:
            Problem: 410, the cursor's rows can no longer be told apart; 404, there is no such snapshot.
        """
        if cursor is None:
            return self.read(snapshot, work)
        try:
            return work(self._parts.store.at(cursor.snapshot))
        except SnapshotGoneError:
            return self._newest(lambda newest: work(_as_pinned(newest, cursor)))

    def _newest(self, work: Callable[[View], Result]) -> Result:
        """Do the work on the newest view; should its files go while it is read, on the one after it."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return work(self._parts.store.newest())
            except SnapshotGoneError:
                self._parts.store.forget()
        try:
            return work(self._parts.store.newest())
        except SnapshotGoneError as error:
            raise LakeUnavailableError("files of the newest snapshot are missing") from error

    def cursor(self, text: str | None, question: str) -> Cursor | None:
        """Return a cursor of this question.

        Raises:
            Problem: 400, it is none, or one of another question.
        """
        if text is None:
            return None
        try:
            cursor = self._parts.cursors.read(text)
        except CursorError:
            raise bad_parameter("cursor", "is not one that was given out, or it was altered") from None
        if cursor.question != question:
            raise bad_parameter("cursor", "belongs to other filters; send the same ones with each page")
        return cursor


def _as_pinned(newest: View, cursor: Cursor) -> View:
    if cursor.source is None or newest.source is None or not newest.source.covers(cursor.source):
        raise Problem(
            410, "cursor-expired", "The snapshot of this cursor expired; ask again from the first page."
        )
    return replace(newest, snapshot=cursor.snapshot, until=cursor.source)
