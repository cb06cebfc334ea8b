"""The two ways in which most declarations of a service are broken: a key is missing, or says something else."""

from collections.abc import Callable
from typing import Any

from tickerplant.defects.model import Around

Service = dict[str, Any]
Wrap = Callable[[Service, Around], Service]


def without(key: str) -> Wrap:
    """Return what takes a key away from a service."""

    def wrap(service: Service, _: Around) -> Service:
        service.pop(key)
        return service

    return wrap


def declaring(**keys: object) -> Wrap:
    """Return what gives keys of a service another value."""

    def wrap(service: Service, _: Around) -> Service:
        service.update(keys)
        return service

    return wrap
