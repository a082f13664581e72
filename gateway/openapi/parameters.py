"""What paths, queries and headers take, as the OpenAPI document says it: forms and limits that are refused when not met.

Enters: a route. Leaves: its parameters. A name means the same on every path, but for ids and the pages of the registry.
"""

from __future__ import annotations

import re
from typing import Any

from gateway.http.fields import NUMBER
from gateway.http.query import DEFAULT_LIMIT, INDEXED_CURSOR, MAX_LIMIT, NUMBERED_CURSOR, PLACED_CURSOR, TIMED_CURSOR
from gateway.http.route import Route
from gateway.recipients.types import MAX_PART
from gateway.recipients.uploads import NDJSON
from schemas.values.ids import CAMPAIGN_PATTERN, MESSAGE_PATTERN
from schemas.values.status import Status

Schema = dict[str, Any]
_TEXT: Schema = {"type": "string"}
_TIME: Schema = {"type": "string", "format": "date-time", "description": "RFC 3339, with its offset"}
_QUERY: dict[str, Schema] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    "from": _TIME,
    "until": _TIME,
    "status": {"type": "string", "enum": [str(status) for status in Status]},
    "to": {"type": "string", **NUMBER},
    "client_ref": {"type": "string", "pattern": "^[^\\u0000]*$"},
}
_REGISTRY: dict[str, Schema] = {
    "offset": {"type": "integer", "minimum": 0, "maximum": 999_999_999, "default": 0},
    "limit": {"type": "integer", "minimum": -1, "maximum": 999_999_999, "default": -1, "description": "-1: no limit"},
}
_CURSORS = {
    "/v1/messages": PLACED_CURSOR,
    "/v1/campaigns/{id}/messages": PLACED_CURSOR,
    "/v1/campaigns": TIMED_CURSOR,
    "/v1/campaigns/{id}/rejections": INDEXED_CURSOR,
    "/v1/admin/audit": NUMBERED_CURSOR,
}
_SUBJECT: Schema = {"type": "string", "minLength": 1, "examples": ["delivery-receipts-value"]}
_REGISTRY_PATH: dict[str, Schema] = {
    "subject": _SUBJECT,
    "number": {
        "type": "string",
        "description": "A version, or the newest",
        "pattern": "^(latest|-1|[1-9][0-9]{0,8})$",
        "examples": ["latest"],
    },
    "id": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1, "examples": [1]},
}


def describe_parameters(route: Route) -> list[dict[str, Any]]:
    """Those of the path, of the query, and the headers that have a meaning here."""
    return [
        *_path(route),
        *({"name": name, "in": "query", "schema": _query(route, name)} for name in route.query),
        *_headers(route),
    ]


def _path(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(route, name)}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]


def _path_schema(route: Route, name: str) -> Schema:
    if route.path.startswith("/registry"):
        return _REGISTRY_PATH.get(name, {"type": "string", "minLength": 1})
    return {"type": "string", "pattern": MESSAGE_PATTERN if route.path.startswith("/v1/messages") else CAMPAIGN_PATTERN}


def _query(route: Route, name: str) -> Schema:
    if route.path.startswith("/registry"):
        return _REGISTRY.get(name, _TEXT)
    return {"type": "string", "pattern": _CURSORS[route.path]} if name == "cursor" else _QUERY[name]


def _headers(route: Route) -> list[dict[str, Any]]:
    found = []
    if route.idempotent:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "Names one request for ever: another one under the same key is refused",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
            }
        )
    if NDJSON in route.takes:
        found.append(
            {
                "name": "Upload-Part",
                "in": "header",
                "description": "A part with the same number and bytes repeats its answer, other bytes are refused",
                "schema": {"type": "integer", "minimum": 0, "maximum": MAX_PART},
            }
        )
    return found
