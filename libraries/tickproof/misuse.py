"""What is said to somebody who uses the keywords or the run's variables wrongly: one sentence, no type name."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from robot.api import FatalError


class MisuseError(ValueError):
    """A keyword was called in the wrong order or with a value that makes no sense; nothing was judged."""

    ROBOT_SUPPRESS_NAME = True  # Robot shows the message alone


class RunRefusedError(FatalError):
    """The whole run cannot begin; Robot ends it, and every test of it is red."""

    ROBOT_SUPPRESS_NAME = True  # Robot shows the message alone


@contextmanager
def told_plainly() -> Iterator[None]:
    """Let whoever wrote the test read what a part says about bad values, without the name of an error."""
    try:
        yield
    except ValueError as error:
        if getattr(error, "ROBOT_SUPPRESS_NAME", False):
            raise
        text = str(error)
        raise MisuseError(text[:1].upper() + text[1:]) from None


def one_of(what: str, found: str, allowed: Iterable[str]) -> str:
    """Return a word that is allowed.

    Args:
        what: What the word names: `interval`.
        found: The word.
        allowed: The words that make sense.

    Raises:
        MisuseError: It is none of them.

    Example:
        >>> one_of("interval", "1m", ["1s", "1m"])
        '1m'
    """
    known = list(allowed)
    if found not in known:
        raise MisuseError(f"There is no {what} {found or '(empty)'}; allowed: {', '.join(known) or 'none'}.")
    return found


def at_least(what: str, found: float, least: float) -> None:
    """Refuse a number that is too small.

    Raises:
        MisuseError: It is.
    """
    if not found >= least:
        raise MisuseError(f"{what} must be {least:g} or more, but it is {found:,g}.")


def some(what: str, found: Iterable[object]) -> None:
    """Refuse a list that names nothing: a check of nothing would always pass.

    Raises:
        MisuseError: It is empty.
    """
    if not list(found):
        raise MisuseError(f"Name at least one {what}: a check of nothing proves nothing.")
