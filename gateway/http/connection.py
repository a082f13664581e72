"""Connections below the application: what is not HTTP is answered as a problem too, and a head that does not come ends.

Enters: sockets. Leaves: requests for the application, bodies as they came. Refused, with an id like every other answer: 400
`bad_http`, 431 a line of the head that is too long, 417 an expectation other than 100-continue. A first head that is not
complete after `HEAD_SECONDS` closes the connection. Beyond `most_connections` the oldest that asks for nothing makes room.
"""

from __future__ import annotations

import asyncio
import resource
import secrets

import structlog
from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from gateway.http.error_answers import to_response
from gateway.http.problem import Problem

HEAD_SECONDS = 20.0
MAX_LINE = 8190
BACKLOG = 1024
MOST_CONNECTIONS = 10_000
KEPT_FILES = 256
"""Files that connections leave to uploads, services and logs."""
log = structlog.get_logger()


class Connection(RequestHandler):
    """One client's socket."""

    __slots__ = ("_head",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._make_room()
        self._head = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._end_without_head)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Nothing is waited for any more."""
        self._head.cancel()
        super().connection_lost(exc)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The answer to what never became a request of ours; the connection ends with it."""
        if not isinstance(exc, ConnectionError):
            log.info("a connection spoke no HTTP", action="bad_http", status=status, error=type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is on its way already")
        return _last_answer(_problem(status, exc))

    def _make_room(self) -> None:
        """Without a file left for it nobody could connect any more, and no upload be kept."""
        all_ = self._manager.connections if self._manager and len(self._manager._connections) > most_connections() else ()
        for one in all_:
            if one._current_request is None:
                one.force_close()
                return

    def _end_without_head(self) -> None:
        if self._request_count == 0:
            self.force_close()


def most_connections() -> int:
    """As many as there are files for, and memory."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_CONNECTIONS if files < 0 else min(MOST_CONNECTIONS, max(files - KEPT_FILES, files // 2))


async def meet_expectation(request: web.Request) -> web.StreamResponse | None:
    """Ask for the body that a client holds back, or refuse what it expects; HTTP/1.0 knows no expectations."""
    if request.version < HttpVersion11:
        return None
    if request.headers.get("Expect", "").lower() != "100-continue":
        return _last_answer(Problem(417, "unknown_expectation", "this server meets the expectation 100-continue alone"))
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0
    return None


def _problem(status: int, exc: BaseException | None) -> Problem:
    if isinstance(exc, LineTooLong):
        return Problem(431, "head_too_large", f"the first line and each header have at most {MAX_LINE} bytes")
    if status >= 500:
        return Problem(status, "internal", "this is our fault")
    return Problem(status, "bad_http", "this is not HTTP/1.1")


def _last_answer(problem: Problem) -> web.Response:
    """What no middleware sees gets ids of its own, and the connection ends with it."""
    response = to_response(problem)
    response.headers["X-Request-Id"] = secrets.token_hex(16)
    response.headers["traceparent"] = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    response.force_close()
    return response


async def listen(runner: web.AppRunner, host: str, port: int) -> asyncio.Server:
    """Serve the application of a runner that is set up; the runner's clean-up ends what this has accepted."""
    server = runner.server
    assert server is not None, "the runner is set up first"
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Connection(server, loop=loop, **server._kwargs), host, port, backlog=BACKLOG)
