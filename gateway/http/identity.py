"""Every request has an id and a place in a trace, and every answer says which.

Enters: `X-Request-Id` and `traceparent` when the client sent usable ones. Leaves: both on the answer; the trace goes on
under a span of ours.
"""

from __future__ import annotations

import re
from random import getrandbits

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.http.context import ANSWER_HEADERS, REQUEST_ID, TRACEPARENT

_USABLE = re.compile(r"[A-Za-z0-9._-]{1,128}")
_TRACE = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")


def name_request(given: str | None, trace: str | None) -> tuple[str, str]:
    """The id of a request and its `traceparent`, from what the client gave. Both are for people who look for something:
    they need to be new, and nobody has to fail at guessing them."""
    parts = _TRACE.fullmatch(trace) if trace else None
    trace_id, flags = (parts[1], parts[2]) if parts else (f"{getrandbits(128):032x}", "01")
    identity = given if given and _USABLE.fullmatch(given) else f"{getrandbits(128):032x}"
    return identity, f"00-{trace_id}-{getrandbits(64) or 1:016x}-{flags}"


@web.middleware
async def identity(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Name the request and its answer."""
    request[REQUEST_ID], request[TRACEPARENT] = name_request(
        request.headers.get("X-Request-Id"), request.headers.get("traceparent")
    )
    response = await handler(request)
    response.headers["X-Request-Id"] = request[REQUEST_ID]
    response.headers["traceparent"] = request[TRACEPARENT]
    response.headers.update(request.get(ANSWER_HEADERS, {}))
    return response
