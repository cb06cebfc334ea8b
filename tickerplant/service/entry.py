"""The outermost frame of a service: read the log level, listen for SIGTERM, run, say how it ended."""

import traceback
from collections.abc import Callable

from tickerplant.service.logs import LEVELS, Log, capture_library_logs
from tickerplant.service.stop import Stop
from tickerplant.settings import Environment, SettingsError

CLEAN, CRASHED, REFUSED = 0, 1, 2


def main(
    service: str,
    body: Callable[[Environment, Log, Stop], None],
    environment: Environment | None = None,
) -> int:
    """Run a service until it ends by itself or is asked to, and return its exit code.

    Returns:
        0 after a clean end, 1 after a crash (logged with its traceback), 2 when a setting was refused.
    """
    environment = environment or Environment()
    stop = Stop()
    stop.listen()
    log = Log(service)
    try:
        log = Log(service, environment.choice("LOG_LEVEL", "info", allowed=tuple(LEVELS)))
        capture_library_logs(log)
        body(environment, log, stop)
    except SettingsError as refusal:
        log.error("refused", reason=str(refusal))
        return REFUSED
    except Exception as error:  # noqa: BLE001 - the last frame: what ends a service must be in its log
        log.error("crashed", reason=str(error), traceback=traceback.format_exc())
        return CRASHED
    log.info("stopped")
    return CLEAN
