"""An API judged by the contract that it publishes itself (OpenAPI)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import requests
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from openapi_core.exceptions import OpenAPIError

from tickproof.probes.errors import HopUnreachableError
from tickproof.probes.web import CONNECT_S, cause, session_for

HOSTILE = (
    "'",
    '"; DROP TABLE trades; --',
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "%00",
    "\x00",
    "\r\nX-Injected: 1",
    "🜚" * 50,
    "٣",
    "-1e309",
    "NaN",
    "x" * 5000,
)
"""Texts that no parameter of a market-data API can mean."""

Value = str | int | Sequence[str]
"""What a parameter may be; a list repeats it."""

INSIDE = (
    "Traceback",
    "site-packages",
    ".py",
    "/home/",
    "/root/",
    "/tmp/",  # noqa: S108 - looked for, not used
    "SELECT ",
    "duckdb",
    "pyarrow",
    "pyiceberg",
    "sqlite",
    "Exception",
)
"""Words that tell of the inside."""


@dataclass(frozen=True, slots=True)
class Route:
    """One published operation that can be called with GET.

    Attributes:
        path: As published, with `{names}` for its path parameters.
        parameters: Name, place (`path`, `query`, `header`) and schema of each parameter.
        guarded: Whether the contract says that a key is needed.
    """

    path: str
    parameters: tuple[tuple[str, str, Mapping[str, Any]], ...]
    guarded: bool

    def named(self, place: str) -> list[str]:
        """Return the names of the parameters in a place."""
        return [name for name, where, _ in self.parameters if where == place]


class Contract:
    """The published contract of a running API.

    Args:
        url: Base address, without a slash at its end.
        headers: Headers of every call, such as a key.
        timeout: Seconds that an answer may take.

    Raises:
        HopUnreachableError: The API does not answer.
        AssertionError: It publishes no contract.
    """

    def __init__(self, url: str, *, headers: Mapping[str, str] | None = None, timeout: float = 10) -> None:
        self.url = url
        self.timeout = timeout
        self.http = session_for(url)
        self.http.headers.update(headers or {})
        self.document: dict[str, Any] = self._published()

    def _published(self) -> dict[str, Any]:
        answer = self._send("/openapi.json", {})
        if answer.status_code != 200:
            raise AssertionError(
                f"GET /openapi.json should answer with the contract, but answered {answer.status_code}."
            )
        try:
            document: dict[str, Any] = answer.json()
        except requests.JSONDecodeError:
            raise AssertionError(
                "GET /openapi.json should answer with the contract, but it is no JSON."
            ) from None
        return document

    def routes(self) -> Iterator[Route]:
        """Yield the operations that GET can call."""
        everywhere = bool(self.document.get("security"))
        for path, operations in self.document["paths"].items():
            operation = operations.get("get")
            if operation is None:
                continue
            found = [*operations.get("parameters", []), *operation.get("parameters", [])]
            parameters = tuple((one["name"], one["in"], one.get("schema", {})) for one in found)
            guarded = bool(operation["security"]) if "security" in operation else everywhere
            yield Route(path, parameters, guarded)

    def call(self, path: str, parameters: Mapping[str, Value] | None = None) -> requests.Response:
        """Call a path (with its path parameters filled in) by GET.

        Raises:
            HopUnreachableError: The API does not answer.
        """
        return self._send(path, parameters or {})

    def _send(self, path: str, parameters: Mapping[str, Value]) -> requests.Response:
        try:
            return self.http.get(
                self.url + path,
                params=dict(parameters),
                timeout=(CONNECT_S, self.timeout),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise HopUnreachableError(
                f"The API at {self.url} does not answer: {cause(error, read_s=self.timeout)}."
            ) from None

    @cached_property
    def _openapi(self) -> OpenAPI:
        return OpenAPI.from_dict({**self.document, "servers": [{"url": self.url}]})

    def fault(self, answer: requests.Response) -> str | None:
        """Tell in a sentence what of an answer is not as published, or None."""
        try:
            self._openapi.validate_response(
                RequestsOpenAPIRequest(answer.request), RequestsOpenAPIResponse(answer)
            )
        except OpenAPIError as error:
            reason: BaseException = error
            while reason.__cause__ is not None:
                reason = reason.__cause__
            details = "; ".join(str(one.message) for one in getattr(reason, "schema_errors", []) or [])
            return details or str(reason)
        return None


def problem_fault(answer: requests.Response, status: int) -> str | None:
    """Tell in a sentence why an answer is not the problem+json it should be, or None.

    The form is RFC 9457: type, title, status and detail, with the media type application/problem+json.

    Args:
        answer: What the API answered.
        status: The status it should have.
    """
    if answer.status_code != status:
        return f"the status should be {status}, but it is {answer.status_code}"
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    if kind != "application/problem+json":
        return f"an error should be application/problem+json, but it is {kind or 'of no type'}"
    return _body_fault(answer, status) or told_inside(answer.text)


def _body_fault(answer: requests.Response, status: int) -> str | None:
    try:
        body = answer.json()
    except requests.JSONDecodeError:
        return "an error should be JSON, but it cannot be parsed"
    if not isinstance(body, dict):
        return "an error should be a JSON object, but it is none"
    missing = [name for name in ("type", "title", "status", "detail") if name not in body]
    if missing:
        return f"an error should tell its {', '.join(missing)}"
    if body["status"] != status:
        return f"the body says status {body['status']}, the answer {status}"
    return None


def told_inside(text: str) -> str | None:
    """Tell in a sentence which word of an answer tells of the inside, or None."""
    for word in INSIDE:
        if word.lower() in text.lower():
            return f"an answer should tell nothing of the inside, but it says {word.strip()!r}"
    return None
