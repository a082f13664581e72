"""The OpenAPI 3.1 document, made from the table of routes and the typed records.

Enters: the routes. Leaves: plain data, the same on every call. What is not built does not stand in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from gateway.http.problem import ProblemBody, form_of
from gateway.http.route import JSON, Route
from gateway.openapi.links import describe_links
from gateway.openapi.parameters import describe_parameters
from gateway.preview.form import FORM
from gateway.recipients.uploads import CSV, NDJSON
from gateway.registry.problems import REGISTRY_FORM
from gateway.registry.types import RegistryFault

_REFERENCE = "#/components/schemas/{name}"
_TABLE = {
    "type": "string",
    "pattern": r"^\ufeff?([A-Za-z_][A-Za-z0-9_]*,)*to(,[A-Za-z_][A-Za-z0-9_]*)*(\r?\n|$)",
    "description": "A header row with `to`, perhaps `client_ref`, and a column for each variable; RFC 4180",
}
_LINES = {
    "type": "string",
    "pattern": "^[^\\u0000]*$",
    "contentMediaType": "application/json",
    "description": "A recipient as JSON on each line; one that is none is a verdict, not a refusal",
}
_EITHER = [
    {"required": ["recipients"], "properties": {"recipients": {"minItems": 1}}},
    {"required": ["open"], "properties": {"open": {"const": True}}},
]
"""A campaign has recipients, or is open for their upload."""


def describe(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The whole document."""
    types = [kind for route in routes for kind in (route.body, route.answer) if kind is not None]
    schemas, components = msgspec.json.schema_components([*types, ProblemBody, RegistryFault], ref_template=_REFERENCE)
    components["CampaignRequest"]["anyOf"] = _EITHER
    for name in ("CampaignRequest", "MessageRequest"):
        validity = components[name]["properties"]["validity_seconds"]
        validity["type"] = "integer" if validity.pop("multipleOf") == 1 else "number"
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
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "bearerFormat": "sk_<id>_<secret>"},
                "operator": {"type": "http", "scheme": "bearer", "description": "the operator's key"},
            },
        },
    }


def _operation(route: Route, body: Any, answer: Any) -> dict[str, Any]:
    refusals = sorted({*route.refusals, *((401,) if route.guarded else ())})
    operation: dict[str, Any] = {
        "operationId": route.operation,
        "summary": route.summary,
        "responses": {
            str(route.status): {
                "description": HTTPStatus(route.status).phrase,
                "headers": _headers(route),
                "content": {route.gives: {"schema": answer}},
            },
            **{str(status): _problem(route, status) for status in refusals},
        },
    }
    if route.path == "/readyz":
        operation["responses"]["503"] = operation["responses"]["200"] | {"description": "Not ready"}
    links = describe_links(route)
    if links:
        operation["responses"][str(route.status)]["links"] = links
    parameters = describe_parameters(route)
    if parameters:
        operation["parameters"] = parameters
    if body is not None:
        operation["requestBody"] = {"required": True, "content": _contents(route, body)}
    if route.guarded:
        operation["security"] = [{"operator": []} if route.for_operators else {"key": []}]
    return operation


def _contents(route: Route, body: Any) -> dict[str, Any]:
    contents: dict[str, Any] = {media: {"schema": body} for media in route.takes}
    if route.csv is not None:
        contents[NDJSON] = {"schema": _LINES | {"contentSchema": body}, "example": '{"to": "+4915112345678"}\n'}
        contents[CSV] = {"schema": _TABLE, "example": route.csv}
    if FORM in route.takes:
        contents[FORM] = _form(body)
    return contents


def _form(body: Any) -> dict[str, Any]:
    """A campaign without recipients, and the file of them."""
    return {
        "schema": {
            "type": "object",
            "required": ["campaign", "recipients"],
            "additionalProperties": False,
            "properties": {
                "campaign": {"allOf": [body, {"properties": {"recipients": {"maxItems": 0}}}]},
                "recipients": _TABLE,
            },
        },
        "encoding": {"campaign": {"contentType": JSON}, "recipients": {"contentType": f"{CSV}, {NDJSON}"}},
    }


def _headers(route: Route, status: int = 0) -> dict[str, Any]:
    names = ["X-Request-Id", "traceparent"]
    if route.idempotent and not status:
        names.append("Idempotency-Replayed")
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        names.append("Retry-After")
    return {name: {"schema": {"type": "string"}} for name in names}


def _problem(route: Route, status: int) -> dict[str, Any]:
    form = form_of(route.path, (REGISTRY_FORM,))
    return {
        "description": HTTPStatus(status).phrase,
        "headers": _headers(route, status),
        "content": {form.content_type: {"schema": {"$ref": _REFERENCE.format(name=form.kind.__name__)}}},
    }
