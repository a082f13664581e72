"""Every request has an id and a place in a trace, and every answer says which.

Enters: `X-Request-Id` and `traceparent` when the client sent usable ones. Leaves: both on the answer; the trace goes on
under a span of ours.
"""

from __future__ import annotations

import re
import secrets

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.http.context import REQUEST_ID, TRACEPARENT

_USABLE = re.compile(r"[A-Za-z0-9._-]{1,128}")
_TRACE = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")


@web.middleware
async def identity(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Name the request and its answer."""
    given = request.headers.get("X-Request-Id", "")
    request[REQUEST_ID] = given if _USABLE.fullmatch(given) else secrets.token_hex(16)
    trace = _TRACE.fullmatch(request.headers.get("traceparent", ""))
    trace_id, flags = (trace[1], trace[2]) if trace else (secrets.token_hex(16), "01")
    request[TRACEPARENT] = f"00-{trace_id}-{secrets.token_hex(8)}-{flags}"
    response = await handler(request)
    response.headers["X-Request-Id"] = request[REQUEST_ID]
    response.headers["traceparent"] = request[TRACEPARENT]
    return response
