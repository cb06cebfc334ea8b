"""What can be planted: the defects that a target knows of its own platform, and the kit's seams."""

import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tickproof import seams
from tickproof.stack.processes import executable
from tickproof.target import Target
from tickproof.target.refusal import did_you_mean, dotted

KIT = "kit"
"""The service of a seam: it is planted on the kit's own side."""

STACK = "stack"
"""The service of a defect that breaks a declaration of the compose file."""

_WITHIN = 60.0


class CatalogError(ValueError):
    """The catalog cannot be had, or does not hold what was asked for; the message is a sentence."""


class _Told(BaseModel):
    """One defect, as the platform's command tells it."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    family: Annotated[str, Field(min_length=1)]
    incident: Annotated[str, Field(min_length=1)]
    service: Annotated[str, Field(min_length=1)]
    kills: Annotated[list[str], Field(min_length=1)]
    says: Annotated[str, Field(min_length=1)]
    before: list[str]
    own_stack: bool
    files: list[str]


_CATALOG = TypeAdapter(list[_Told])


@dataclass(frozen=True)
class Planted:
    """One thing that is broken on purpose.

    Attributes:
        id: Its name; a test that must notice carries the tag `defect-<id>`.
        family: The kind of promise that is broken.
        incident: One line on the kind of incident that it stands for.
        service: The service that is defective; `kit` for a seam, `stack` for a declaration of the compose file.
        kills: Full names (without the root) of the tests that must turn red.
        says: Regular expression that the failing sentences must match.
        before: Full names of tests that must run first, to give the defect something to spoil.
        own_stack: Whether it needs a platform that is defective from its start.
        files: What it breaks and what it is made of: paths below the project's root; a folder ends with a slash.
    """

    id: str
    family: str
    incident: str
    service: str
    kills: tuple[str, ...]
    says: str
    before: tuple[str, ...] = ()
    own_stack: bool = False
    files: tuple[str, ...] = ()

    @property
    def is_seam(self) -> bool:
        """Whether the kit plants it on its own side."""
        return self.service == KIT


def of_seams() -> list[Planted]:
    """Return the kit's seams."""
    return [
        Planted(
            seam.id,
            seam.family,
            seam.incident,
            KIT,
            seam.kills,
            seam.says,
            files=("libraries/tickproof/seams.py",),
        )
        for seam in seams.SEAMS.values()
    ]


def of_platform(target: Target) -> list[Planted]:
    """Ask the platform's own command which defects there are.

    Args:
        target: Its key `defects` names the command.

    Raises:
        CatalogError: There is no such key, the command fails, or says something else than a catalog.
    """
    if target.defects is None:
        raise CatalogError(
            f"Target {target.name} has no key `defects`, so its platform cannot be broken on purpose; "
            "`--seams` works on any target."
        )
    program, *rest = target.defects.command
    argv = [executable(program), *rest, "--json"]
    shown = " ".join([*target.defects.command, "--json"])
    try:
        said = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=_WITHIN).stdout
        told = _CATALOG.validate_python(json.loads(said))
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise CatalogError(f"`{shown}` ended with code {error.returncode}: {last}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CatalogError(f"`{shown}` cannot be run: {error}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = dotted(first["loc"]) or "all of it"
        raise CatalogError(f"`{shown}` told no catalog of defects: {where}: {first['msg']}.") from None
    except ValueError as error:
        raise CatalogError(f"`{shown}` told no catalog of defects: {error}.") from None
    return [
        Planted(
            each.id, each.family, each.incident, each.service, tuple(each.kills), each.says, tuple(each.before),
            each.own_stack, tuple(each.files),
        )
        for each in told
    ]  # fmt: skip


def chosen(
    catalog: Sequence[Planted],
    ids: Sequence[str] = (),
    families: Sequence[str] = (),
) -> list[Planted]:
    """Return those that are asked for; all, when nothing is.

    Raises:
        CatalogError: An id or a family is unknown.
    """
    known = {planted.id for planted in catalog}
    for identity in ids:
        if identity not in known:
            raise CatalogError(
                f"There is no defect {identity}; `tickproof defects --list` names all."
                f"{did_you_mean(identity, known)}"
            )
    all_families = {planted.family for planted in catalog}
    for family in families:
        if family not in all_families:
            raise CatalogError(f"There is no family {family}; there are: {', '.join(sorted(all_families))}.")
    if not ids and not families:
        return list(catalog)
    return [planted for planted in catalog if planted.id in ids or planted.family in families]


def sample(catalog: Sequence[Planted], changed: Iterable[str]) -> list[Planted]:
    """Return one of each family first, then all others that concern what was changed.

    A defect concerns a file that it breaks or is made of, and every suite that holds one of its tests.

    Args:
        catalog: What there is.
        changed: Paths of changed files, below the project's root.
    """
    paths = [Path(path) for path in changed]
    touched = {
        planted.id for planted in catalog if any(_concerns(planted, path) for path in paths)
    }  # what was touched stands for its family, where it can
    first: dict[str, Planted] = {}
    for planted in sorted(catalog, key=lambda each: (each.id not in touched, each.own_stack)):
        first.setdefault(planted.family, planted)
    ones = {planted.id for planted in first.values()}
    return [planted for planted in catalog if planted.id in ones] + [
        planted for planted in catalog if planted.id in touched - ones
    ]


def _concerns(planted: Planted, path: Path) -> bool:
    name = path.as_posix()
    if any(name == file or (file.endswith("/") and name.startswith(file)) for file in planted.files):
        return True
    if path.parts[:1] != ("suites",) or path.suffix != ".robot":
        return False
    suite = ".".join(part.replace("_", " ").title() for part in path.with_suffix("").parts[1:])
    return any(test.startswith(f"{suite}.") for test in planted.kills)
