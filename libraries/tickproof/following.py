"""The listener that follows a run: whose turn it is, what tests forgot to give back, and when all is over."""

from pathlib import Path

from robot import result, running

from tickproof import session
from tickproof.evidence.refusing import refuse
from tickproof.scenes import Place


class SceneListener:
    """Tells the session which test runs; gives back what tests forgot."""

    ROBOT_LISTENER_API_VERSION = 3

    def start_suite(self, data: running.TestSuite, _result: result.TestSuite) -> None:
        """A suite's setup has a scene of its own; it is exclusive if all of its tests are."""
        tests = list(data.all_tests)
        exclusive = bool(tests) and all("exclusive" in test.tags for test in tests)
        _enter(data, exclusive=exclusive)

    def start_test(self, data: running.TestCase, _result: result.TestCase) -> None:
        """A test that misbehaves, faults or measures time needs the stack for itself."""
        _enter(data, exclusive="exclusive" in data.tags)

    def end_test(self, data: running.TestCase, _result: result.TestCase) -> None:
        """Whatever a test leased goes back, passed or failed."""
        session.current().leave(data.full_name)

    def end_suite(self, data: running.TestSuite, _result: result.TestSuite) -> None:
        """With the last suite the run is over: its stack goes, the stack's logs stay."""
        session.current().leave(data.full_name)
        if data.parent is None:
            session.current().close()

    def close(self) -> None:
        """The run is over, or was cut short."""
        session.current().close()


def _enter(data: running.TestSuite | running.TestCase, *, exclusive: bool) -> None:
    try:
        session.current().enter(_place(data, exclusive=exclusive))
    except Exception as error:  # noqa: BLE001 - whatever it was: nothing may run on a stack that is not held
        # Robot only logs what a listener raises, and would go on.
        refuse(data, str(error) or f"The stack cannot be held: {type(error).__name__}.")


def _place(data: running.TestSuite | running.TestCase, *, exclusive: bool) -> Place:
    return Place(
        name=data.full_name,
        title=data.name,
        is_test=isinstance(data, running.TestCase),
        source=Path(data.source) if data.source else None,
        exclusive=exclusive,
    )
