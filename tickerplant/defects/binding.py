"""Puts a defective part in the place of the usual one, and fails loudly where there is no such place any more."""

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from tickerplant.defects.model import Around

P = TypeVar("P")


class BindingError(RuntimeError):
    """A defect no longer fits the service: what it would break is not there, or is called otherwise."""


class Wrapped(Generic[P]):
    """A part that passes everything on to the usual one, but for what a subclass does in its own way.

    Args:
        part: The usual part.
        around: What else there is.

    Raises:
        BindingError: The usual part has no method that the subclass means to replace.
    """

    def __init__(self, part: P, around: Around) -> None:
        self.part = part
        self.reached = around.reached
        for kind in type(self).__mro__[: type(self).__mro__.index(Wrapped)]:
            for name in vars(kind):
                if not name.startswith("_") and not hasattr(part, name):
                    raise BindingError(f"{type(part).__name__} has no `{name}` any more to be broken.")

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the part has
        return getattr(self.part, name)


class Every:
    """True at every n-th call, so that a defect stays rare and its runs alike.

    Args:
        n: How rare.
        first: The call that is the first to be true.
    """

    def __init__(self, n: int, first: int | None = None) -> None:
        self._n = n
        self._left = first or n

    def __call__(self) -> bool:
        """Count one call."""
        self._left -= 1
        if self._left:
            return False
        self._left = self._n
        return True


def in_parts(parts: P, name: str, wrap: Callable[[Any], Any]) -> P:
    """Return the same parts with one of them wrapped.

    Raises:
        BindingError: There is no such part.
    """
    check_field(type(parts), name)
    return dataclasses.replace(parts, **{name: wrap(getattr(parts, name))})  # type: ignore[type-var]  # Parts are dataclasses


def check_field(kind: type, name: str) -> None:
    """See that a dataclass of parts has a part of this name.

    Raises:
        BindingError: It has none.
    """
    known = [field.name for field in dataclasses.fields(kind)]
    if name not in known:
        raise BindingError(
            f"{kind.__module__}.{kind.__name__} has no part {name}; it has {', '.join(known)}."
        )


def is_function(part: str) -> bool:
    """Tell whether a part is named as `module:function`."""
    return ":" in part


def in_module(part: str, wrap: Callable[[Any], Any]) -> None:
    """Replace a function that a module looks up by its name.

    Raises:
        BindingError: There is no such module or function.
    """
    module_name, _, name = part.partition(":")
    try:
        module = importlib.import_module(module_name)
        usual = getattr(module, name)
    except (ImportError, AttributeError) as error:
        raise BindingError(f"There is no {part} any more to be broken: {error}.") from error
    setattr(module, name, wrap(usual))
