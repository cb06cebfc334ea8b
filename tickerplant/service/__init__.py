"""What every service of the tickerplant shares: settings, logs, health, metrics, and a clean end.

A service's entry point reads:

    def body(environment: Environment, log: Log, stop: Stop) -> None: ...

    sys.exit(main("writer", body))
"""

from tickerplant.service.entry import main
from tickerplant.service.logs import Log
from tickerplant.service.settings import Environment, SettingsError
from tickerplant.service.stop import Stop
from tickerplant.service.web import HealthServer

__all__ = ["Environment", "HealthServer", "Log", "SettingsError", "Stop", "main"]
