"""Structured logs: one JSON object a line on standard output.

Every line holds `time` (UTC), `level`, `service` and `event`; an event's own figures follow as keys.
"""

import logging
import sys
import threading
import traceback
from datetime import UTC, datetime
from typing import IO, Any

import msgspec

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Log:
    """Writes events of one service.

    Args:
        service: The name that each line carries.
        level: The least level that is written: debug, info, warning or error.
        stream: Where lines go; standard output when not given.
    """

    def __init__(self, service: str, level: str = "info", stream: IO[str] | None = None) -> None:
        self.service = service
        self._least = LEVELS[level]
        self._stream = sys.stdout if stream is None else stream
        self._lock = threading.Lock()
        self._encoder = msgspec.json.Encoder(enc_hook=_plain)

    def debug(self, event: str, **fields: object) -> None:
        """Write what only matters while somebody looks for a fault."""
        self._write("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Write what an operator wants to find later."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Write what the service got over by itself, but should not happen often."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Write what somebody has to look at."""
        self._write("error", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        if LEVELS[level] < self._least:
            return
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        head = {"time": now, "level": level, "service": self.service, "event": event}
        line = self._encoder.encode({**fields, **head} if fields.keys() & head.keys() else {**head, **fields})
        with self._lock:
            self._stream.write(line.decode() + "\n")
            self._stream.flush()


class _Bridge(logging.Handler):
    """Passes records of libraries that use the standard `logging` on to our log."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record as an event named `library`."""
        fields: dict[str, object] = {"logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            fields["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        if record.levelno >= logging.ERROR:
            self._log.error("library", **fields)
        elif record.levelno >= logging.WARNING:
            self._log.warning("library", **fields)
        elif record.levelno >= logging.INFO:
            self._log.info("library", **fields)
        else:
            self._log.debug("library", **fields)


def capture_library_logs(log: Log, least: int = logging.WARNING) -> None:
    """Send what libraries log (uvicorn, pyiceberg, ...) through `log`, as JSON lines as well."""
    logging.basicConfig(level=least, handlers=[_Bridge(log)], force=True)


def _plain(value: Any) -> object:  # noqa: ANN401 - msgspec hands over whatever it does not know
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    return str(value)
