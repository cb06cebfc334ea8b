"""The small HTTP face of a service: /health/live, /health/ready and /metrics.

It runs in threads of its own, so that it answers while the service's main loop works. What it says of the
main loop comes from the checks that the service hands in: liveness must look at progress, not at this thread.
"""

import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

Checks = Callable[[], Mapping[str, str | None]]
"""Returns check name -> None when all is well, else one sentence that says what is wrong."""


def nothing_wrong() -> Mapping[str, str | None]:
    """Return no checks at all: healthy as soon as the server answers."""
    return {}


def new_registry() -> CollectorRegistry:
    """Return a registry of metrics that already tells the process's own memory, CPU and file handles."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


class HealthServer:
    """Serves health and metrics until closed.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one, see `port` after `start`.
        registry: Metrics to publish.
        ready: Checks that say whether the service can do its work now.
        live: Checks that say whether a restart is due.
    """

    def __init__(
        self,
        host: str,
        port: int,
        registry: CollectorRegistry,
        *,
        ready: Checks = nothing_wrong,
        live: Checks = nothing_wrong,
    ) -> None:
        self._address = (host, port)
        self._registry = registry
        self._checks = {"/health/ready": ready, "/health/live": live}
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port listened on."""
        return self._server.server_port if self._server else self._address[1]

    def start(self) -> None:
        """Listen and answer in the background.

        Raises:
            OSError: The port cannot be had; the message names it.
        """
        checks, registry = self._checks, self._registry

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path in checks:
                    status, body = _health(checks[path])
                    self._answer(status, "application/json", body)
                elif path == "/metrics":
                    self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry))
                else:
                    self._answer(HTTPStatus.NOT_FOUND, "application/json", b'{"status":"not found"}')

            def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing: a poll a second is no event."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: object) -> None:
                """Say nothing: a caller that hung up is no event."""

        try:
            self._server = Server(self._address, Handler)
        except OSError as error:
            host, port = self._address
            raise OSError(f"HTTP_PORT {port} on {host} cannot be listened on: {error.strerror}.") from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="http", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop answering and free the port; harmless when called twice."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._thread = None


def _health(checks: Checks) -> tuple[HTTPStatus, bytes]:
    found = checks()
    wrong = any(sentence is not None for sentence in found.values())
    body = {
        "status": "unavailable" if wrong else "ok",
        "checks": {name: sentence or "ok" for name, sentence in found.items()},
    }
    return HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK, msgspec.json.encode(body)
