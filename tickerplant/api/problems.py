"""What went wrong, as RFC 9457 problem details; they tell the caller what to do and nothing of the inside."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"

_CLOSE = {"Connection": "close"}


class Problem(Exception):  # noqa: N818 - it is what RFC 9457 calls it, and no defect of ours
    """An answer other than success.

    Args:
        status: HTTP status.
        kind: Stable word for programs, the last part of `type`.
        detail: One sentence for people, free of what the caller sent and of what is inside.
        headers: Further headers of the answer.
    """

    def __init__(self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})

    def response(self, request_id: str) -> Response:
        """Return the answer; `instance` carries the id under which our log tells more."""
        body = {
            "type": f"urn:tickerplant:problem:{self.kind}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": f"urn:uuid:{request_id}",
        }
        return Response(msgspec.json.encode(body), self.status, self.headers, MEDIA_TYPE)


def bad_parameter(name: str, wish: str) -> Problem:
    """Return the 400 for a parameter: its name and what is wanted."""
    return Problem(400, "invalid-parameter", f"{name} {wish}.")


def not_found(detail: str = "There is nothing here; /openapi.json lists what there is.") -> Problem:
    """Return a 404."""
    return Problem(404, "not-found", detail)


def table_unreachable() -> Problem:
    """Return the 503 for a lake that cannot be read now."""
    return Problem(503, "table-unreachable", "The table of trades cannot be read now.", {"Retry-After": "1"})


def malformed() -> Problem:
    """Return the 400 for bytes that are no HTTP request."""
    return Problem(400, "malformed-request", "This is no HTTP request that can be read.", _CLOSE)


def too_slow(seconds: float) -> Problem:
    """Return the 408 for a request that does not come to its end."""
    detail = f"The head of a request may take {seconds:g} s, and as long its body."
    return Problem(408, "request-too-slow", detail, _CLOSE)


def body_too_large(most: int) -> Problem:
    """Return the 413 for what is sent along with a request."""
    return Problem(413, "body-too-large", f"A request may carry at most {most} bytes.", _CLOSE)


def url_too_long(most: int) -> Problem:
    """Return the 414."""
    return Problem(414, "url-too-long", f"The URL may have at most {most} bytes.")


def headers_too_large(most: int) -> Problem:
    """Return the 431."""
    return Problem(431, "headers-too-large", f"Headers may have at most {most} bytes in all.")


def internal() -> Problem:
    """Return the 500 that tells nothing but where to ask."""
    return Problem(
        500, "internal", "The request could not be answered; the log has the reason under its instance."
    )
