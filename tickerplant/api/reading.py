"""From what a request says of snapshots and cursors to the view of the table that answers it."""

from collections.abc import Callable
from typing import TypeVar

from tickerplant.api.cursors import Cursor, CursorError
from tickerplant.api.parts import Parts
from tickerplant.api.problems import Problem, bad_parameter, not_found
from tickerplant.api.store import SnapshotGoneError, View

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

        The newest may expire between being found and being read; then the one after it is read.

        Raises:
            Problem: 404, there is no such snapshot.
        """
        store = self._parts.store
        for attempt in range(_ATTEMPTS):
            try:
                return work(store.newest() if snapshot is None else store.at(snapshot))
            except SnapshotGoneError:
                if snapshot is not None or attempt == _ATTEMPTS - 1:
                    break
                store.forget()
        raise not_found("There is no such snapshot, or it expired; /v1/snapshots lists those that are kept.")

    def resume(self, cursor: Cursor | None, snapshot: int | None, work: Callable[[View], Result]) -> Result:
        """Do the work on the view that a cursor pins, or else as `read` does.

        Raises:
            Problem: 410, the cursor's snapshot expired; 404, there is no such snapshot.
        """
        if cursor is None:
            return self.read(snapshot, work)
        try:
            return work(self._parts.store.at(cursor.snapshot))
        except SnapshotGoneError:
            raise Problem(
                410, "cursor-expired", "The snapshot of this cursor expired; ask again from the first page."
            ) from None

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
