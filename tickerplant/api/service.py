"""The service: parts become an app behind a gate, and the app is served until the end is asked for."""

import contextlib
import gc
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import uvicorn

from tickerplant.api.app import make_app
from tickerplant.api.gate import Gate
from tickerplant.api.parts import Parts, make_parts
from tickerplant.api.protocol import BoundedProtocol
from tickerplant.api.settings import Settings, read_settings
from tickerplant.service import Environment, Log, SettingsError, Stop

_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 5


@dataclass(frozen=True)
class Service:
    """The API, ready to be run.

    Args:
        settings: Where it listens.
        gate: The ASGI app.
        log: Where it tells what it does.
        request_seconds: Seconds that the head of a request may take, and as many for its body.
    """

    settings: Settings
    gate: Gate
    log: Log
    request_seconds: float = 10.0


class _Server(uvicorn.Server):
    """Leaves signals to the service, which ends with 0 on SIGTERM."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signals."""
        yield


def assemble(settings: Settings, log: Log, parts: Parts | None = None) -> Service:
    """Put the service together, from the usual parts or from those given."""
    parts = parts or make_parts(settings)
    gate = Gate(
        make_app(parts, log),
        authenticator=parts.authenticator,
        limiter=parts.limiter,
        metrics=parts.metrics,
        log=log,
    )
    return Service(settings, gate, log)


def run(service: Service, stop: Stop) -> None:
    """Serve until the end is asked for, then finish what was begun.

    Raises:
        SettingsError: The port cannot be had.
    """
    server = _Server(
        uvicorn.Config(
            service.gate,
            loop="uvloop",
            http=_protocol(service),
            ws="none",
            lifespan="off",
            proxy_headers=False,  # nobody here asks who stands before us
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )

    # Arrow's own pool keeps what was freed; the system's gives most of it back between two large questions.
    pa.set_memory_pool(pa.system_memory_pool())

    def end() -> None:
        server.should_exit = True

    with _listen(service.settings) as listener:
        host, port = listener.getsockname()[:2]
        service.log.info("listening", host=host, port=port)
        stop.call(end)
        # What was made so far stays: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        server.run([listener])


def body(environment: Environment, log: Log, stop: Stop) -> None:
    """Run the API as its environment says."""
    run(assemble(read_settings(environment), log), stop)


def _protocol(service: Service) -> type[BoundedProtocol]:
    class Protocol(BoundedProtocol):
        turn_away = staticmethod(service.gate.turn_away)
        request_seconds = service.request_seconds

    return Protocol


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(1_024)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"HTTP_PORT {settings.port} on {settings.host} cannot be listened on: {error.strerror}."
        ) from error
    return listener
