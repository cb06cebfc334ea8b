"""What a defect is, and how it notes that it really acted."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

ServiceName = Literal["feed", "writer", "api", "stack"]
SERVICES: tuple[ServiceName, ...] = ("feed", "writer", "api", "stack")

STACK: ServiceName = "stack"
"""No service: what is broken is how the compose file declares one."""

MARKER = "DEFECT_REACHED"
"""The variable that names the file by which a defect tells that it acted."""


class Reached:
    """Writes a file when the wrapped behaviour acts for the first time. No test of the suites can see it.

    Args:
        path: The file; None writes nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._told = False

    @classmethod
    def of(cls, environment: Mapping[str, str], identity: str) -> "Reached":
        """Return the marker that the environment names, or else one in the service's own STATE_DIR."""
        if environment.get(MARKER):
            return cls(Path(environment[MARKER]))
        state = environment.get("STATE_DIR")
        return cls(Path(state) / "defects" / f"{identity}.reached" if state else None)

    def __call__(self) -> None:
        """Note that the defect acts now."""
        if self._told:
            return
        self._told = True
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(f"{os.getpid()}\n", encoding="utf-8")


@dataclass(frozen=True)
class Around:
    """What a wrap may use beside the part that it wraps.

    Attributes:
        reached: To be called whenever the defect acts.
        service: The assembled service, where the part lives in one that exists before it (the feed); of the stack, the
            whole compose document; else None.
    """

    reached: Reached
    service: Any = None


@dataclass(frozen=True)
class Defect:
    """One way in which one part breaks one promise.

    Attributes:
        id: The service's name, then what it does wrong; a test carries it as tag `defect-<id>`.
        family: The kind of promise that is broken.
        incident: One line on the kind of incident that it stands for.
        service: The service whose part is wrapped; `stack` for a declaration of the compose file.
        part: A field of the service's `Parts`; `gate` for all that is before the API's routes; a function that the
            service looks up by name when it needs it, as `module:function`; or, of the stack, the name of the service
            whose declaration (a mapping) is wrapped.
        wrap: Takes the usual part and returns the one that is used in its place.
        kills: Full names of the tests that must turn red.
        says: Regular expression that the failing sentence must match.
        spoils: Whether lasting damage stays in the table, so that it needs a stack of its own.
        restarted: Whether the tests restart the service themselves, so that it must be defective as configured.
        before: Full names of tests that must run first, to give the defect something to spoil.
    """

    id: str
    family: str
    incident: str
    service: ServiceName
    part: str
    wrap: Callable[[Any, Around], Any]
    kills: tuple[str, ...]
    says: str
    spoils: bool = False
    restarted: bool = False
    before: tuple[str, ...] = ()

    @property
    def needs_own_stack(self) -> bool:
        """Whether a kept stack will not do."""
        return self.spoils or self.restarted or self.service == STACK
