"""How a probe says that it could not read."""


class HopUnreachableError(ConnectionError):
    """A hop does not answer; the message says which and where."""

    ROBOT_SUPPRESS_NAME = True  # Robot shows the message alone


class UnreadableRowError(AssertionError):
    """A hop holds a row that cannot be a trade; the message names it. The platform is wrong, not the test."""

    ROBOT_SUPPRESS_NAME = True  # Robot shows the message alone
