"""POST /v1/messages, GET /v1/messages, GET /v1/messages/{id}."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from gateway.auth.authentication import account_of
from gateway.http.answer import answer
from gateway.http.body import read_json
from gateway.http.context import LIMITS, SEALER, TRACEPARENT, now_ms
from gateway.http.problem import Problem, unavailable
from gateway.http.query import read_limit, read_query, read_status, read_time
from gateway.idempotency.idempotent import digest_of, idempotent, read_key, respond
from gateway.idempotency.keys import Made, Stored
from gateway.messages.acceptance import ACCEPTANCE, answer_of
from gateway.messages.accepted import accepted
from gateway.messages.queries import MESSAGES, MessageFilter
from gateway.messages.shared_chunks import SHARED_CHUNKS
from gateway.messages.singles import group_of, make_slice, measure
from gateway.messages.types import DECODER, MessageRequest
from schemas.values.ids import ChunkId, single_message_id

LIST_PARAMETERS = ("to", "client_ref", "status", "from", "until", "cursor", "limit")


async def accept_message(request: web.Request) -> web.Response:
    """202 when Kafka has the message. A code with a key has a chunk of its own, so that it needs no PostgreSQL; a request
    that would be refused goes that way too, because its key may know an answer of before."""
    read_query(request, ())
    app, account = request.app, account_of(request)
    message, body_digest = await read_json(request, DECODER, app[LIMITS].body_bytes)
    key = read_key(request)
    digest = None if key is None else digest_of(request, body_digest)
    if key is None or not message.is_code:
        begin = partial(app[ACCEPTANCE].begin, account, message, key=key, digest=digest, traceparent=request[TRACEPARENT])
        try:
            answered = answer_of(begin)
        except Problem as problem:
            # Too many wait: its key may have a place in a chunk that is being written, and must not go alone.
            if key is None or problem.status >= 500:
                raise
        else:
            return respond(*await answered)
    return await _accept_alone(request, message, digest)


async def _accept_alone(request: web.Request, message: MessageRequest, digest: bytes | None) -> web.Response:
    app, account = request.app, account_of(request)

    async def send(root: str) -> Stored:
        checked, terms = app[ACCEPTANCE].check(account, message)
        group, chunk = group_of(account.tenant, message, terms, keyed=True), ChunkId(single_message_id(root))
        slice_ = make_slice(group, [checked], chunk=chunk, digest=digest, now=now_ms(), sealer=app[SEALER])
        await app[SHARED_CHUNKS].deliver(slice_, request[TRACEPARENT])
        return accepted(slice_.chunk, checked.encoding, checked.segments)

    async def make(root: str) -> Stored:
        if message.is_code:
            return await send(root)
        app[ACCEPTANCE].check(account, message)
        # What refused it is gone: it goes as the others do, with its key in PostgreSQL.
        raise unavailable("overloaded", "it could not be accepted a moment ago; try again")

    async def recall(made: Made) -> Stored:
        if not await app[SHARED_CHUNKS].confirm(account.tenant, made.id):
            return await send(made.id[4:])
        return accepted(made.id, *measure(message))

    return await idempotent(request, digest or b"", make, recall)


async def show_message(request: web.Request) -> web.Response:
    """One message."""
    read_query(request, ())
    return answer(await request.app[MESSAGES].find(account_of(request).tenant, request.match_info["id"]))


async def show_messages(request: web.Request) -> web.Response:
    """Messages of the account, newest first."""
    query = read_query(request, LIST_PARAMETERS)
    wanted = MessageFilter(
        to=query.get("to"),
        client_ref=query.get("client_ref"),
        status=read_status(query),
        from_at=read_time(query, "from"),
        until_at=read_time(query, "until"),
    )
    return answer(
        await request.app[MESSAGES].list(account_of(request).tenant, wanted, query.get("cursor"), read_limit(query))
    )
