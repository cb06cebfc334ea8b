"""What can go wrong with a stack, told in one sentence each."""


class StackError(Exception):
    """The stack could not be brought up, reached or changed."""

    ROBOT_SUPPRESS_NAME = True  # Robot shows the message alone


class StackInputError(ValueError):
    """What was asked for cannot be done: a file, a setting or a name is wrong. Nothing was started."""

    ROBOT_SUPPRESS_NAME = True  # Robot shows the message alone
