"""POST /v1/messages, GET /v1/messages, GET /v1/messages/{id}."""

from __future__ import annotations

import msgspec
from aiohttp import web

from gateway.auth.accounts import ACCOUNTS
from gateway.auth.authentication import account_of
from gateway.auth.permissions import check_balance, check_sender
from gateway.http.answer import answer
from gateway.http.body import read_json
from gateway.http.context import LIMITS, METRICS, SEALER, TRACEPARENT, now_ms
from gateway.http.fields import Encoding
from gateway.http.query import read_limit, read_query, read_status, read_time
from gateway.idempotency.idempotent import digest_of, idempotent
from gateway.idempotency.keys import Made, Stored
from gateway.ingest import INGEST
from gateway.messages.queries import MESSAGES, MessageFilter
from gateway.messages.recent import RECENT
from gateway.messages.singles import check_message, make_slice, measure
from gateway.messages.types import MessageAccepted, MessageRequest
from schemas.values.ids import single_message_id

_DECODER = msgspec.json.Decoder(MessageRequest)
LIST_PARAMETERS = ("to", "client_ref", "status", "from", "until", "cursor", "limit")


async def accept_message(request: web.Request) -> web.Response:
    """202 when Kafka has the message."""
    read_query(request, ())
    app, account = request.app, account_of(request)
    message, body_digest = await read_json(request, _DECODER, app[LIMITS].body_bytes)
    digest = digest_of(request, body_digest)

    async def make(root: str) -> Stored:
        check_sender(account, message.sender, message.lane)
        checked = check_message(message, app[ACCOUNTS].routes)
        check_balance(account.available, checked.price, "/body")
        slice_ = make_slice(
            message,
            checked,
            tenant=account.tenant,
            identity=single_message_id(root),
            digest=digest,
            now=now_ms(),
            sealer=app[SEALER],
        )
        await app[INGEST].put_single(slice_, request[TRACEPARENT])
        await app[RECENT].keep(slice_)
        app[METRICS].count("sluice_accepted_messages_total", message.lane)
        return _accepted(slice_.chunk, checked.encoding, checked.segments)

    async def recall(made: Made) -> Stored:
        return _accepted(made.id, *measure(message))

    return await idempotent(request, digest, make, recall)


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


def _accepted(identity: str, encoding: Encoding, segments: int) -> Stored:
    body = MessageAccepted(id=identity, encoding=encoding, segments=segments)
    return Stored(status=202, body=msgspec.json.encode(body), location=f"/v1/messages/{identity}")
