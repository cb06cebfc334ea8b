"""Assembles a service from its usual parts but one."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from tickerplant.defects.binding import check_field, in_module, in_parts, is_function
from tickerplant.defects.model import Around, Defect, Reached, ServiceName
from tickerplant.service import Environment, Log, Stop

Run = Callable[[], None]


def assemble(defect: Defect, environment: Environment, log: Log, stop: Stop, reached: Reached) -> Run:
    """Return what runs the defective service until `stop`.

    Raises:
        BindingError: The defect does not fit the service any more.
        SettingsError: A setting is missing or wrong.
    """
    if is_function(defect.part):
        in_module(defect.part, lambda usual: defect.wrap(usual, Around(reached)))
    return _ASSEMBLE[defect.service](defect, environment, log, stop, reached)


def _feed(defect: Defect, environment: Environment, log: Log, stop: Stop, reached: Reached) -> Run:
    from tickerplant.feed import service as feed  # noqa: PLC0415 - one service a process
    from tickerplant.feed.settings import FeedSettings  # noqa: PLC0415 - same

    service = feed.assemble(FeedSettings.read(environment), log)
    if not is_function(defect.part):
        parts = in_parts(
            service.parts, defect.part, lambda usual: defect.wrap(usual, Around(reached, service))
        )
        service = dataclasses.replace(service, parts=parts)
    return lambda: feed.run(service, stop)


def _writer(defect: Defect, environment: Environment, log: Log, stop: Stop, reached: Reached) -> Run:
    from tickerplant.writer import service as writer  # noqa: PLC0415 - one service a process
    from tickerplant.writer.settings import WriterSettings  # noqa: PLC0415 - same
    from tickerplant.writer.writer import Parts  # noqa: PLC0415 - same

    wraps: dict[str, Callable[[Any], Any]] = {}
    if not is_function(defect.part):
        check_field(Parts, defect.part)
        wraps[defect.part] = lambda usual: defect.wrap(usual, Around(reached))
    service = writer.assemble(WriterSettings.read(environment), log, stop, **wraps)
    return lambda: writer.run(service)


def _api(defect: Defect, environment: Environment, log: Log, stop: Stop, reached: Reached) -> Run:
    from tickerplant.api import service as api  # noqa: PLC0415 - one service a process
    from tickerplant.api.parts import make_parts  # noqa: PLC0415 - same
    from tickerplant.api.settings import read_settings  # noqa: PLC0415 - same

    settings = read_settings(environment)
    parts = make_parts(settings)

    def wrap(usual: object) -> Any:  # noqa: ANN401 - a part of any kind
        return defect.wrap(usual, Around(reached))

    if defect.part == "gate":
        service = in_parts(api.assemble(settings, log, parts), "gate", wrap)
    elif is_function(defect.part):
        service = api.assemble(settings, log, parts)
    else:
        service = api.assemble(settings, log, in_parts(parts, defect.part, wrap))
    return lambda: api.run(service, stop)


_ASSEMBLE: Mapping[ServiceName, Callable[[Defect, Environment, Log, Stop, Reached], Run]] = {
    "feed": _feed,
    "writer": _writer,
    "api": _api,
}
