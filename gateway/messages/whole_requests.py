"""POST /v1/messages below the application, for requests that came whole: the same checks and answers, no task of its own.

Enters: `WholeRequest`s. Leaves: the bytes of the answer once Kafka has the message, or of a Problem. What would be refused,
and what this does not know (a code with a key), is left to the application, which says so as it says it to everybody.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from http import HTTPStatus

import msgspec
from aiohttp import web
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE

from gateway.auth.accounts import Accounts
from gateway.auth.rate_limits import RateLimits, Standing
from gateway.http.identity import name_request
from gateway.http.metering import meter
from gateway.http.problem import CONTENT_TYPE, Problem
from gateway.http.quota import Quota
from gateway.http.whole_request import WholeRequest
from gateway.idempotency.idempotent import is_key
from gateway.idempotency.keys import Stored
from gateway.messages.acceptance import Acceptance
from gateway.messages.types import DECODER
from infra.security.sealing import Sealer
from infra.telemetry.metrics import Metrics

PATH = "/v1/messages"
_REQUEST = f"POST {PATH}\n".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class WholePosts:
    """Implements `gateway.http.connection.WholeRequests`. `bodies`: the bytes of bodies that may be in memory."""

    accounts: Accounts
    rate_limits: RateLimits
    acceptance: Acceptance
    sealer: Sealer
    bodies: Quota
    metrics: Metrics
    first_line: bytes = f"POST {PATH} HTTP/1.1\r\n".encode()

    def begin(self, request: WholeRequest, respond: Callable[[bytes], None]) -> bool:
        """Whether it is taken care of."""
        begun = time.perf_counter()
        account = self.accounts.known(request.token)
        if account is None or not (request.key is None or is_key(request.key)):
            return False
        try:
            message = DECODER.decode(request.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        if request.key is not None and message.is_code:
            return False
        digest = None
        if request.key is not None:
            digest = self.sealer.hash_request(_REQUEST + blake2b(request.body, digest_size=16).digest())
        request_id, traceparent = name_request(request.request_id, request.traceparent)

        standing = self.rate_limits.take_ahead(account)
        if standing is None and account.limit is not None:
            return False  # the application asks Redis, and says what it says
        size = len(request.body)

        def answer(outcome: Stored | Problem, replayed: bool) -> None:
            self.bodies.release(account.tenant, size)
            meter(self.metrics, "POST", PATH, outcome.status, begun)
            respond(_bytes_of(outcome, replayed, request_id, traceparent, standing))

        try:
            self.bodies.reserve(account.tenant, size)
        except Problem:
            self.rate_limits.give_back(account)
            return False
        try:
            self.acceptance.begin(account, message, answer, key=request.key, digest=digest, traceparent=traceparent)
        except Exception:  # noqa: BLE001  why: a Problem or a fault of ours, the application meets it again and answers
            self.bodies.release(account.tenant, size)
            self.rate_limits.give_back(account)
            return False
        return True


WHOLE_POSTS: web.AppKey[WholePosts] = web.AppKey("whole_messages", WholePosts)


def _bytes_of(
    outcome: Stored | Problem, replayed: bool, request_id: str, traceparent: str, standing: Standing | None
) -> bytes:
    if isinstance(outcome, Problem):
        body, more = outcome.body(), "".join(f"{name}: {value}\r\n" for name, value in outcome.headers.items())
        kind = CONTENT_TYPE
    else:
        body, kind = outcome.body + b"\n", "application/json"
        more = f"Location: {outcome.location}\r\n" + ("Idempotency-Replayed: true\r\n" if replayed else "")
    if standing is not None:
        more += "".join(f"{name}: {value}\r\n" for name, value in standing.headers.items())
    head = (
        f"HTTP/1.1 {outcome.status} {HTTPStatus(outcome.status).phrase}\r\n{more}"
        f"Content-Type: {kind}; charset=utf-8\r\nX-Request-Id: {request_id}\r\ntraceparent: {traceparent}\r\n"
        f"Content-Length: {len(body)}\r\nDate: {rfc822_formatted_time()}\r\nServer: {SERVER_SOFTWARE}\r\n\r\n"
    )
    return head.encode() + body
