"""An API judged by the contract that it publishes itself (OpenAPI)."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import requests
from openapi_core import Config, OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from openapi_core.exceptions import OpenAPIError
from openapi_core.templating.paths.exceptions import PathNotFound

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

IN_A_HEADER = tuple(text for text in HOSTILE if text.isprintable())
"""Those of them that HTTP lets a header carry at all."""

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
        media_types: In which forms a good answer may come.
    """

    path: str
    parameters: tuple[tuple[str, str, Mapping[str, Any]], ...]
    guarded: bool
    media_types: frozenset[str] = frozenset()

    def named(self, place: str) -> list[str]:
        """Return the names of the parameters in a place."""
        return [name for name, where, _ in self.parameters if where == place]

    def schema(self, name: str) -> Mapping[str, Any] | None:
        """Return the schema of a parameter of the query; None where there is no such parameter."""
        return next(
            (schema for found, where, schema in self.parameters if (found, where) == (name, "query")), None
        )


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
            parameters = tuple((one["name"], one["in"], self._whole(one.get("schema", {}))) for one in found)
            guarded = bool(operation["security"]) if "security" in operation else everywhere
            good = operation.get("responses", {}).get("200", {})
            yield Route(path, parameters, guarded, frozenset(good.get("content", {})))

    def _whole(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a schema with what it refers to (one step, as enumerations are published)."""
        found: Any = self.document
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return schema
        for part in reference[2:].split("/"):
            found = found.get(part, {})
        return {**found, **schema}

    def call(
        self,
        path: str,
        parameters: Mapping[str, Value] | None = None,
        *,
        headers: Mapping[str, str | bytes] | None = None,
    ) -> requests.Response:
        """Call a path (with its path parameters filled in) by GET.

        Args:
            path: The path.
            parameters: Query parameters; a list repeats its parameter.
            headers: Further headers, or others in the place of the usual ones.

        Raises:
            HopUnreachableError: The API does not answer.
        """
        return self._send(path, parameters or {}, headers)

    def _send(
        self,
        path: str,
        parameters: Mapping[str, Value],
        headers: Mapping[str, str | bytes] | None = None,
    ) -> requests.Response:
        try:
            return self.http.get(
                self.url + path,
                headers=dict(headers or {}),
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
        return _checker(json.dumps({**self.document, "servers": [{"url": self.url}]}))

    def refusal_fault(self, answer: requests.Response, status: int) -> str | None:
        """Tell in a sentence why a refusal is not the problem that it should be, or is not as published, or None.

        Where nothing is published for the path, only the form of the problem counts.

        Args:
            answer: What the API answered.
            status: The status it should have.
        """
        return problem_fault(answer, status) or self._fault(answer, unknown_path=None)

    def fault(self, answer: requests.Response) -> str | None:
        """Tell in a sentence what of an answer is not as published, or None."""
        return self._fault(answer, unknown_path="nothing is published for this path")

    def _fault(self, answer: requests.Response, *, unknown_path: str | None) -> str | None:
        try:
            self._openapi.validate_response(
                RequestsOpenAPIRequest(answer.request), RequestsOpenAPIResponse(answer)
            )
        except PathNotFound:
            return unknown_path
        except OpenAPIError as error:
            reason: BaseException = error
            while reason.__cause__ is not None:
                reason = reason.__cause__
            details = "; ".join(str(one.message) for one in getattr(reason, "schema_errors", []) or [])
            return (details or str(reason))[:300]
        return None


@cache
def _checker(document: str) -> OpenAPI:
    """Return what holds answers against a contract; to make it takes a third of a second."""
    contract = json.loads(document)
    readers: dict[str, Callable[..., Any]] = {
        kind: json.loads if kind.endswith(("+json", "/json")) else _as_text
        for kind in _media_types(contract)
        if kind not in {"application/json", "text/plain"}
    }
    return OpenAPI.from_dict(contract, config=Config(extra_media_type_deserializers=readers))


def _media_types(node: object) -> Iterator[str]:
    """Yield the media types of all contents of a contract."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "content" and isinstance(value, dict):
                yield from value
            yield from _media_types(value)
    elif isinstance(node, list):
        for value in node:
            yield from _media_types(value)


def _as_text(content: bytes, **_: str) -> str:
    """Read what a contract calls a string: its bytes, whatever they mean."""
    return content.decode("latin-1")


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
