"""A YAML document that knows where each value stands, so that a refusal can say so in one sentence."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tickproof.stack import interpolation
from tickproof.stack.errors import StackInputError

_KINDS = {
    dict: "a mapping",
    list: "a list",
    str: "text",
    int: "a number",
    float: "a number",
}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # libyaml is optional
    """Refuses a key that stands twice in a mapping, which plain YAML would let the last one win."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - PyYAML's signature
        try:
            return super().construct_object(node, deep=deep)
        except ValueError as error:  # of a date such as 2026-13-01
            raise yaml.MarkedYAMLError(problem=str(error), problem_mark=node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: ARG002, FBT001, FBT002 - PyYAML's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(
                    problem="a key is a list or a mapping; it must be text", problem_mark=key.start_mark
                )
            if key.tag != "tag:yaml.org,2002:merge" and key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"key `{key.value}` is there twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        self.flatten_mapping(node)
        return {
            self.construct_object(key, deep=True): self.construct_object(value, deep=True)
            for key, value in node.value
        }


@dataclass(frozen=True)
class Node:
    """A value of the document with its place."""

    value: Any
    file: str
    path: tuple[str, ...]
    settings: Mapping[str, str]

    def refuse(self, found: str) -> StackInputError:
        """Return the error that names file and key; `found` tells what is wrong and what is allowed."""
        return StackInputError(f"{self.file}: key `{'.'.join(self.path)}` {found}.")

    def at(self, key: str) -> "Node":
        """Return the value under a key; None where there is no such key."""
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return Node(value, self.file, (*self.path, key), self.settings)

    def __bool__(self) -> bool:
        return self.value is not None

    def mapping(self, allowed: Sequence[str] | None = None) -> Iterator[tuple[str, "Node"]]:
        """Return keys and values of a mapping.

        Args:
            allowed: the keys that it may have; None allows any.

        Raises:
            StackInputError: it is no mapping, or has another key.
        """
        if not isinstance(self.value, dict):
            raise self.refuse(f"is {self.kind()}; it must be a mapping")
        for key in self.value:
            if not isinstance(key, str):
                raise self.refuse(f"has the key {key}, which is not text; quote it")
            if allowed is not None and key not in allowed and not key.startswith("x-"):
                raise self.at(key).refuse(
                    f"is not supported by the local driver; supported here: {', '.join(allowed)}"
                )
        return ((key, self.at(key)) for key in self.value)

    def items(self) -> list["Node"]:
        """Return the members of a list."""
        if not isinstance(self.value, list):
            raise self.refuse(f"is {self.kind()}; it must be a list")
        return [
            Node(item, self.file, (*self.path, str(n)), self.settings) for n, item in enumerate(self.value)
        ]

    def template(self) -> str:
        """Return a text or number as text, variables left in place."""
        if isinstance(self.value, bool) or not isinstance(self.value, str | int | float):
            raise self.refuse(f"is {self.kind()}; it must be text (put it in quotes)")
        text = str(self.value)
        try:
            interpolation.names(text)
        except ValueError as error:
            raise self.refuse(f"holds {error}") from None
        return text

    def text(self) -> str:
        """Return a text or number as text, variables filled in from the settings."""
        template = self.template()
        try:
            return interpolation.fill(template, self.settings)
        except KeyError as error:
            raise self.refuse(
                f"needs the variable {error.args[0]}, which neither the target's stack.environment nor "
                "the environment sets"
            ) from None

    def kind(self) -> str:
        """Name the kind of value in plain words."""
        if isinstance(self.value, bool):
            return str(self.value).lower()
        return "empty" if self.value is None else _KINDS.get(type(self.value), "not plain data")


def read(path: Path, settings: Mapping[str, str]) -> tuple[Node, str]:
    """Read a YAML file whose root is a mapping.

    Args:
        path: the file.
        settings: variables that texts may name.

    Returns:
        The root of the document, and the file's text.

    Raises:
        StackInputError: the file is missing or is no such YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StackInputError(f"{path}: there is no such compose file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StackInputError(
            f"{path}: cannot be read ({getattr(error, 'strerror', None) or 'it is not UTF-8 text'})."
        ) from None
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader with one more check
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise StackInputError(f"{path}{line}: is not valid YAML: {error.problem}.") from None
    except yaml.YAMLError as error:
        raise StackInputError(f"{path}: is not valid YAML: {error}.") from None
    if not isinstance(value, dict):
        raise StackInputError(
            f"{path}: is not a compose file: its root must be a mapping with the key `services`."
        )
    return Node(value, str(path), (), settings), text
