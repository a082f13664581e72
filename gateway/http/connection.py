"""Connections below the application: what is not HTTP is answered as a problem too, and a head that does not come ends.

Enters: sockets. Leaves: requests for the application, bodies as they came. Calls of one kind that come whole are answered
below the application (`WholeRequests`), one after the other, as long as the connection carries nothing else. Refused, with
an id like every other answer: 400 `bad_http`, 431 a line of the head that is too long, 417 an expectation other than
100-continue. A first head that is not complete after `HEAD_SECONDS` closes the connection. Beyond `most_connections` the
oldest that asks for nothing makes room.
"""

from __future__ import annotations

import asyncio
import resource
import secrets
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from gateway.http.error_answers import to_response
from gateway.http.problem import Problem
from gateway.http.whole_request import Partial, WholeRequest, read_whole

HEAD_SECONDS = 20.0
MAX_LINE = 8190
BACKLOG = 1024
MOST_CONNECTIONS = 10_000
MAX_HELD = 64 * 1024
"""Bytes of further requests that are read while one is being answered."""
MAX_UNREAD = 64 * 1024
"""Bytes of answers that a client does not read; who sends on without reading is no client."""
HELD_SECONDS = 5.0
"""How long the rest of a whole request is waited for, from its head on, before the application waits for it."""
KEPT_FILES = 256
"""Files that connections leave to uploads, services and logs."""
log = structlog.get_logger()


class WholeRequests(Protocol):
    """What answers requests that came whole. `first_line` with its line end."""

    @property
    def first_line(self) -> bytes: ...

    def begin(self, request: WholeRequest, respond: Callable[[bytes], None]) -> bool:
        """Whether it is taken care of: then `respond` is called once, on the loop, with all bytes of the answer. Else
        nothing was done."""
        ...


class Connection(RequestHandler):
    """One client's socket. `_whole`: who answers requests that come whole, until something else came; `_held`: bytes that
    wait for the rest of such a request, or for the answer to the one before."""

    __slots__ = ("_answering", "_ended", "_head", "_held", "_holding", "_whole")

    def __init__(self, whole: WholeRequests | None, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._whole = whole
        self._answering = False
        self._held = b""
        self._holding: asyncio.TimerHandle | None = None
        self._ended: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._make_room()
        self._head = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._end_without_head)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Nothing is waited for any more."""
        self._head.cancel()
        self._hold(b"")
        self._answered()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A request that is whole is answered here, the others by the application."""
        if self._whole is None or self._force_close:
            super().data_received(data)
        elif self._answering:
            self._hold(self._held + data)
            if len(self._held) > MAX_HELD and self.transport is not None:
                self.transport.pause_reading()
        else:
            self._receive(self._whole, self._held + data)

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        """An answer on its way is waited for."""
        if self._answering:
            self._ended = self._loop.create_future()
            await asyncio.wait([self._ended], timeout=timeout)
        await super().shutdown(timeout)

    def _receive(self, whole: WholeRequests, data: bytes) -> None:
        found = read_whole(data, whole.first_line) if data.startswith(whole.first_line) else None
        if isinstance(found, Partial):
            self._held = data
            if self._holding is None:
                self._holding = self._loop.call_later(HELD_SECONDS, self._leave_held)
            return
        self._hold(b"")
        if found is not None:
            # Before it begins, as the answer may be there at once.
            self._answering = True
            if whole.begin(found, self._respond):
                self._request_count += 1
                self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
                return
            self._answering = False
        self._leave_to_application(data)

    def _leave_to_application(self, data: bytes) -> None:
        # For good: what stands in its parser is not known here, and bytes of one request must never begin another one.
        self._whole = None
        self._hold(b"")
        super().data_received(data)

    def _leave_held(self) -> None:
        self._leave_to_application(self._held)

    def _hold(self, data: bytes) -> None:
        if self._holding is not None:
            self._holding.cancel()
            self._holding = None
        self._held = data

    def _respond(self, answer: bytes) -> None:
        self._answered()
        transport = self.transport
        if transport is None:
            return
        try:
            transport.write(answer)
        except RuntimeError:
            # Trap: uvloop raises for a socket that it is about to call lost; others whose answers come now must not see it.
            self.force_close()
            return
        if transport.get_write_buffer_size() > MAX_UNREAD:
            self.force_close()
        elif self._held and self._whole is not None:
            if len(self._held) > MAX_HELD:
                transport.resume_reading()
            self._receive(self._whole, self._held)

    def _answered(self) -> None:
        self._answering = False
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

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
            if one._current_request is None and not (isinstance(one, Connection) and one._answering):
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


async def listen(runner: web.AppRunner, host: str, port: int, whole: WholeRequests | None = None) -> asyncio.Server:
    """Serve the application of a runner that is set up; the runner's clean-up ends what this has accepted. `whole`: answers
    requests that come whole."""
    server = runner.server
    assert server is not None, "the runner is set up first"
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: Connection(whole, server, loop=loop, **server._kwargs), host, port, backlog=BACKLOG
    )
