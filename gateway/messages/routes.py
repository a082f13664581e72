"""POST /v1/messages, GET /v1/messages, GET /v1/messages/{id}."""

from __future__ import annotations

import msgspec
from aiohttp import web

from gateway.answers import Encoding, MessageAccepted
from gateway.auth.permissions import check_balance, check_sender
from gateway.http.body import read_json
from gateway.http.query import read_limit, read_query, read_status, read_time
from gateway.idempotency.idempotent import once, scoped
from gateway.idempotency.keys import Made, Stored
from gateway.messages.queries import MessageFilter, find_message, list_messages
from gateway.messages.singles import check_message, make_slice, measure
from gateway.requests import MessageRequest
from gateway.state import TRACEPARENT, account_of, answer, gateway_of
from schemas.values.ids import single_message_id

_DECODER = msgspec.json.Decoder(MessageRequest)
LIST_PARAMETERS = ("to", "client_ref", "status", "from", "until", "cursor", "limit")


async def accept_message(request: web.Request) -> web.Response:
    """202 when Kafka has the message."""
    read_query(request, ())
    gateway, account = gateway_of(request), account_of(request)
    message, body_digest = await read_json(request, _DECODER, gateway.settings.gateway.max_body_bytes)
    digest = scoped(request, body_digest)

    async def make(root: str) -> Stored:
        check_sender(account, message.sender, message.lane)
        checked = check_message(message, gateway.accounts.routes)
        check_balance(account.available, checked.price)
        slice_ = make_slice(message, checked, tenant=account.tenant, identity=single_message_id(root), digest=digest,
                            now=gateway.now(), sealer=gateway.sealer)
        await gateway.ingest.put_single(slice_, request[TRACEPARENT])
        await gateway.fresh.keep(slice_)
        gateway.metrics.count("sluice_accepted_messages_total", message.lane)
        return _accepted(slice_.chunk, checked.encoding, checked.segments)

    async def recall(made: Made) -> Stored:
        return _accepted(made.id, *measure(message))

    return await once(request, digest, make, recall)


async def show_message(request: web.Request) -> web.Response:
    """One message."""
    read_query(request, ())
    return answer(await find_message(gateway_of(request), account_of(request).tenant, request.match_info["id"]))


async def show_messages(request: web.Request) -> web.Response:
    """Messages of the account, newest first."""
    query = read_query(request, LIST_PARAMETERS)
    wanted = MessageFilter(to=query.get("to"), client_ref=query.get("client_ref"), status=read_status(query),
                           from_at=read_time(query, "from"), until_at=read_time(query, "until"))
    return answer(await list_messages(gateway_of(request), account_of(request).tenant, wanted, query.get("cursor"),
                                      read_limit(query)))


def _accepted(identity: str, encoding: Encoding, segments: int) -> Stored:
    body = MessageAccepted(id=identity, encoding=encoding, segments=segments)
    return Stored(status=202, body=msgspec.json.encode(body), location=f"/v1/messages/{identity}")
