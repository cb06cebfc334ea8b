"""The published contract: what FastAPI derives, made to say exactly what is answered."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from tickerplant.api.encoder import MEDIA_TYPES, Format
from tickerplant.api.models import Problem
from tickerplant.api.problems import MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]

_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_WHOLE = {"schema": {"type": "string", "pattern": "^[0-9]+$"}}
_SECONDS = {"description": "Seconds after which to ask again.", "required": True, **_WHOLE}

_LIMIT_HEADERS = {
    "RateLimit-Limit": {
        "description": "Requests a minute that the key may send.",
        "required": True,
        **_WHOLE,
    },
    "RateLimit-Remaining": {"description": "Requests that are left right now.", "required": True, **_WHOLE},
    "RateLimit-Reset": {"description": "Seconds until all of them are back.", "required": True, **_WHOLE},
}
_PAGE_HEADERS = {
    "Next-Cursor": {
        "description": "Give it as `cursor` for what follows; absent at the end.",
        "schema": {"type": "string"},
    },
    "Snapshot": {"description": "What this is an answer of; absent for an empty table.", **_WHOLE},
}
_EVERYWHERE = (400, 408, 413, 414, 431, 500)
_GUARDED = (401, 403, 429, 503)

TRADES_FORMS: Responses = {
    200: {
        "content": {
            MEDIA_TYPES[Format.NDJSON]: {"schema": {"type": "string"}},
            MEDIA_TYPES[Format.CSV]: {"schema": {"type": "string"}},
            MEDIA_TYPES[Format.ARROW]: {"schema": {"type": "string", "format": "binary"}},
            MEDIA_TYPES[Format.PARQUET]: {"schema": {"type": "string", "format": "binary"}},
        },
        "headers": _PAGE_HEADERS,
    }
}


METRICS_FORM: Responses = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


def errors(*statuses: int) -> Responses:
    """Return the errors of a guarded route: those that all have, and its own."""
    return open_errors(*_GUARDED, *statuses)


def open_errors(*statuses: int) -> Responses:
    """Return the errors of a route that needs no key."""
    return {status: _error(status) for status in sorted({*_EVERYWHERE, *statuses})}


def publish(app: FastAPI) -> Mapping[str, Any]:
    """Return the contract of an app; made once."""
    if not app.openapi_schema:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schemas = document["components"]["schemas"]
        schemas["Problem"] = Problem.model_json_schema()
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for path, operations in document["paths"].items():
            for operation in operations.values():
                operation["responses"].pop("422", None)
                if path.startswith("/v1/"):
                    operation["responses"]["200"].setdefault("headers", {}).update(_LIMIT_HEADERS)
                for parameter in operation.get("parameters", []):
                    _drop_null_default(parameter["schema"])
        app.openapi_schema = document
    return app.openapi_schema


def _error(status: int) -> dict[str, Any]:
    found: dict[str, Any] = {"description": HTTPStatus(status).phrase, "content": _PROBLEM}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        found["headers"] = {"Retry-After": _SECONDS, **_LIMIT_HEADERS}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        found["headers"] = {"Retry-After": _SECONDS}
    return found


def _drop_null_default(schema: dict[str, Any]) -> None:
    """Forget the default None of parameters that may be left out: null is nothing that can be sent."""
    if schema.get("default", 0) is None:
        del schema["default"]
