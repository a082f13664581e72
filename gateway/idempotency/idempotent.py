"""A request that makes something, done at most once per idempotency key.

Enters: the request, the digest of its body, and two functions: `make(root)` does it and gives the answer, `recall(made)`
gives the answer again for what PostgreSQL shows as made by this very request. Leaves: the answer, marked
`Idempotency-Replayed: true` when it is one given before. Without a key the request is simply done, under a fresh id.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from gateway.auth.authentication import account_of
from gateway.http.answer import raw_answer
from gateway.http.context import SEALER, fresh_root
from gateway.http.problem import Problem, refusal
from gateway.idempotency.keys import HEADER, IDEMPOTENCY, MAX_KEY, Made, Replay, Stored
from schemas.values.ids import TenantId, derived_id

Make = Callable[[str], Awaitable[Stored]]
Recall = Callable[[Made], Awaitable[Stored]]


async def idempotent(request: web.Request, digest: bytes, make: Make, recall: Recall) -> web.Response:
    """The answer to this request."""
    keys, tenant = request.app[IDEMPOTENCY], account_of(request).tenant
    key = read_key(request)
    if key is None:
        return respond(await make(fresh_root()))
    claim = await keys.begin(tenant, key, digest)
    if isinstance(claim, Replay):
        return respond(claim.stored, replayed=True)
    if isinstance(claim, Made):
        return respond(await recall(claim), replayed=True)
    try:
        stored = await make(derived_id(TenantId(tenant), key))
    except Problem as problem:
        await keys.release(claim, nothing_done=problem.status < 500)
        raise
    except BaseException:
        await keys.release(claim, nothing_done=False)
        raise
    await keys.finish(claim, stored)
    return respond(stored)


def read_key(request: web.Request) -> str | None:
    """The request's idempotency key."""
    values = request.headers.getall(HEADER, [])
    if not values:
        return None
    if len(values) > 1 or not is_key(values[0]):
        raise refusal("", "bad_idempotency_key", f"an idempotency key has 1 to {MAX_KEY} printable characters")
    return values[0]


def is_key(text: str) -> bool:
    """Whether this may be an idempotency key."""
    return 1 <= len(text) <= MAX_KEY and text.isprintable()


def digest_of(request: web.Request, body_digest: bytes) -> bytes:
    """What stands for the whole request, path and body, where it is kept; without the keyring it tells nothing of either."""
    return request.app[SEALER].hash_request(f"{request.method} {request.path}\n".encode() + body_digest)


def respond(stored: Stored, replayed: bool = False) -> web.Response:
    """The answer as it goes out."""
    response = raw_answer(stored.body, stored.status, location=stored.location)
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response
