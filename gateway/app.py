"""The application: middleware in their order, routes from the table, limits of the socket.

Enters: a `Gateway`. Leaves: an application that serves; and its runner. Bodies are bounded where they are read, because an
upload has no bound.
"""

from __future__ import annotations

from aiohttp import web

from gateway.auth.authentication import authentication
from gateway.http.connection import MAX_LINE, meet_expectation
from gateway.http.error_answers import problems
from gateway.http.identity import identity
from gateway.http.metering import metering
from gateway.routes import ROUTES
from gateway.state import GATEWAY, Gateway

STOP_SECONDS = 3.0
LINGER_SECONDS = 2.0
"""How long the rest of a body that was refused is read, so that the client sees the answer."""


def make_app(gateway: Gateway) -> web.Application:
    """The application of this gateway."""
    app = web.Application(middlewares=[identity, metering, problems, authentication], client_max_size=0)
    app[GATEWAY] = gateway
    for route in ROUTES:
        for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
            app.router.add_route(method, route.path, route.handler, expect_handler=meet_expectation)
    return app


def make_runner(gateway: Gateway) -> web.AppRunner:
    """What listens for the application; requests on their way get three seconds at the end."""
    return web.AppRunner(make_app(gateway), access_log=None, handle_signals=False, keepalive_timeout=75,
                         max_line_size=MAX_LINE, max_field_size=MAX_LINE, shutdown_timeout=STOP_SECONDS,
                         lingering_time=LINGER_SECONDS, auto_decompress=False)
