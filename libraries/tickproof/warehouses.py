"""Keywords for platforms of another age: one with nothing in it, one with a million old rows."""

from robot.api import logger
from robot.api.deco import keyword, library

from tickproof import session
from tickproof.stack import Stack


@library(scope="GLOBAL")
class Warehouses:
    """Visits a platform of its own beside the run's usual one; what runs on the usual one is not touched."""

    @keyword
    def start_empty_platform(self) -> None:
        """Start a second, fresh stack of the target and use it until `Return To Usual Platform`."""
        run = session.current()
        run.visit(Stack.up(run.target, progress=logger.console))

    @keyword
    def return_to_usual_platform(self) -> None:
        """End the platform that is visited, with all its data, and use the run's own again."""
        session.current().visit(None)
