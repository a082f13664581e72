"""The OpenAPI 3.1 document, made from the table of routes and the typed records.

Enters: the routes. Leaves: plain data, the same on every call. What is not built does not stand in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from gateway import registry
from gateway.problem import CONTENT_TYPE, ProblemBody
from gateway.registry import RegistryFault
from gateway.routes.route import Route
from gateway.uploads import CSV, NDJSON

_REFERENCE = "#/components/schemas/{name}"
_PARAMETERS: dict[str, dict[str, Any]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50},
    "from": {"type": "string", "format": "date-time"},
    "until": {"type": "string", "format": "date-time"},
}


def describe(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The whole document."""
    types = [kind for route in routes for kind in (route.body, route.answer) if kind is not None]
    schemas, components = msgspec.json.schema_components([*types, ProblemBody, RegistryFault], ref_template=_REFERENCE)
    given = iter(schemas)
    paths: dict[str, Any] = {}
    for route in routes:
        body = next(given) if route.body is not None else None
        answer = next(given) if route.answer is not None else {"type": "string"}
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, body, answer)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sluice", "version": version, "description": "Messages and campaigns, accepted for sending."},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "sk_<id>_<secret>"}},
        },
    }


def _operation(route: Route, body: Any, answer: Any) -> dict[str, Any]:
    refusals = sorted({*route.refusals, *((401,) if route.guarded else ())})
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__ if not route.path.startswith("/registry")
        else f"registry_{route.handler.__name__}",
        "summary": route.summary,
        "responses": {
            str(route.status): {"description": HTTPStatus(route.status).phrase, "headers": _headers(route),
                                "content": {route.gives: {"schema": answer}}},
            **{str(status): _problem(route, status) for status in refusals},
        },
    }
    if route.path == "/readyz":
        operation["responses"]["503"] = operation["responses"]["200"] | {"description": "Not ready"}
    parameters = [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)]
    if parameters:
        operation["parameters"] = parameters
    if body is not None:
        operation["requestBody"] = {"required": True, "content": _contents(route, body)}
    if route.guarded:
        operation["security"] = [{"key": []}]
    return operation


def _contents(route: Route, body: Any) -> dict[str, Any]:
    contents: dict[str, Any] = {media: {"schema": body} for media in route.takes}
    if route.csv is not None:
        contents[CSV] = {"schema": {"type": "string", "description": "A header row with `to`, perhaps `client_ref`, and a "
                                                                     "column for each variable; RFC 4180"},
                         "example": route.csv}
    return contents


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in re.findall(r"\{(\w+)\}", route.path)]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "schema": _PARAMETERS.get(name, {"type": "string"})} for name in route.query]


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    found = []
    if route.once:
        found.append({"name": "Idempotency-Key", "in": "header",
                      "schema": {"type": "string", "minLength": 1, "maxLength": 255}})
    if NDJSON in route.takes:
        found.append({"name": "Upload-Part", "in": "header",
                      "schema": {"type": "integer", "minimum": 0, "maximum": 2**30 - 1}})
    return found


def _headers(route: Route, status: int = 0) -> dict[str, Any]:
    names = ["X-Request-Id", "traceparent"]
    if route.once and not status:
        names.append("Idempotency-Replayed")
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        names.append("Retry-After")
    return {name: {"schema": {"type": "string"}} for name in names}


def _problem(route: Route, status: int) -> dict[str, Any]:
    media, kind = CONTENT_TYPE, ProblemBody.__name__
    if route.gives == registry.CONTENT_TYPE:
        media, kind = registry.CONTENT_TYPE, RegistryFault.__name__
    return {"description": HTTPStatus(status).phrase, "headers": _headers(route, status),
            "content": {media: {"schema": {"$ref": _REFERENCE.format(name=kind)}}}}
