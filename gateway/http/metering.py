"""How many requests there are, how they end and how long they take, by route.

Enters: requests and answers. Leaves: two metrics. Routes are named by their pattern, so that ids make no series.
"""

from __future__ import annotations

import time

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.http.context import METRICS
from infra.telemetry.metrics import Metrics


@web.middleware
async def metering(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count and time."""
    begun = time.perf_counter()
    response = await handler(request)
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "unknown"
    method = request.method if request.method in ("GET", "POST", "HEAD", "PUT", "PATCH", "DELETE") else "OTHER"
    meter(request.app[METRICS], method, route, response.status, begun)
    return response


def meter(metrics: Metrics, method: str, route: str, status: int, begun: float) -> None:
    """One answer, to a request that began at this reading of `time.perf_counter`."""
    metrics.count("sluice_http_requests_total", method, route, str(status))
    metrics.observe("sluice_http_seconds", time.perf_counter() - begun, route)
