"""What every service of the tickerplant shares: settings, logs, health, metrics, and a clean end.

A service's entry point reads:

    def body(environment: Environment, log: Log, stop: Stop) -> None: ...

    sys.exit(main("writer", body))
"""

from tickerplant.service.entry import main
from tickerplant.service.logs import Log
from tickerplant.service.stop import Stop
from tickerplant.service.web import HealthServer
from tickerplant.settings import Environment, SettingsError

__all__ = ["Environment", "HealthServer", "Log", "SettingsError", "Stop", "main"]
