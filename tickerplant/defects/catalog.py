"""Finds defects: one module each, in the folder of its service, named like its id."""

import importlib
import pkgutil
from collections.abc import Iterator

import tickerplant.defects
from tickerplant.defects.model import SERVICES, STACK, Defect
from tickerplant.service import SettingsError


def every() -> Iterator[Defect]:
    """Yield all defects, service by service."""
    for service in SERVICES:
        folder = [f"{path}/{service}" for path in tickerplant.defects.__path__]
        for module in pkgutil.iter_modules(folder):
            if not module.name.startswith("_"):
                yield _load(service, module.name)


def find(service: str, identity: str) -> Defect:
    """Return one defect without looking at the others.

    Raises:
        SettingsError: There is no such service or defect.
    """
    if service not in SERVICES:
        raise SettingsError(f"There is no service {service}; allowed: {', '.join(SERVICES)}.")
    module = identity.removeprefix(f"{service}-").replace("-", "_")
    folder = [f"{path}/{service}" for path in tickerplant.defects.__path__]
    if module.startswith("_") or module not in {each.name for each in pkgutil.iter_modules(folder)}:
        raise SettingsError(
            f"The {service} has no defect {identity}; `python -m tickerplant.defects --list` names all."
        )
    return _load(service, module)


def files_of(defect: Defect) -> list[str]:
    """Return what a change of may change what a defect does: its own module, and its service (a folder)."""
    module = defect.id.removeprefix(f"{defect.service}-").replace("-", "_")
    broken = "tickerplant/compose.yaml" if defect.service == STACK else f"tickerplant/{defect.service}/"
    return [f"tickerplant/defects/{defect.service}/{module}.py", broken]


def _load(service: str, module: str) -> Defect:
    defect = importlib.import_module(f"tickerplant.defects.{service}.{module}").DEFECT
    assert isinstance(defect, Defect)
    return defect
