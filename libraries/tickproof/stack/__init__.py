"""A compose file brought to life as local processes.

The supervisor imports this package too: it stays light, nothing here may import pydantic, pyarrow or typer.
"""

from tickproof.stack.client import Stack
from tickproof.stack.errors import StackError, StackInputError
from tickproof.stack.model import ServiceState, StackEvent

__all__ = ["ServiceState", "Stack", "StackError", "StackEvent", "StackInputError"]
