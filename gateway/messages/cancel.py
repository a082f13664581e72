"""POST /v1/messages/{id}/cancel: what no carrier has been given yet is not sent.

Enters: a message's id. Leaves: 202 with its state once every role can know that it is canceled; it may still be `queued` or
so where a backlog stands before whoever ends it. It is canceled by its place in its chunk, so its neighbours go on. What a
carrier has, or may have, is not called back: 409 `already_started`; what has ended otherwise: 409 `already_ended`. A cancel
that meets a start goes one way or the other: it is looked up once more before the answer. Refused: 404 for an unknown or a
foreign id; 503 while PostgreSQL or Kafka is away, or the sinks have not stored a campaign's message yet.
"""

from __future__ import annotations

import asyncio
import struct
import time

from aiohttp import web

from gateway.auth.authentication import account_of
from gateway.http.answer import answer
from gateway.http.body import read_nothing
from gateway.http.context import OUTBOX, POOL, TRACEPARENT, now_ms
from gateway.http.problem import Fault, Problem, unavailable
from gateway.http.query import read_query
from gateway.messages.queries import MESSAGES
from gateway.messages.types import Message, MessageState
from gateway.publish_command import publish
from infra.postgres.pool import Pool, execute, fetch_one, tenant_transaction
from infra.postgres.sql import load_sql
from schemas.values.ids import parse_message_id
from schemas.values.status import Status

SEEN_SECONDS, LOOK_SECONDS = 1.5, 0.05
"""How long the answer waits for what comes of it, and how often it looks."""
WAITING = frozenset({Status.ACCEPTED, Status.SCHEDULED, Status.HELD, Status.QUEUED})
_HERE = "gateway.messages"


async def cancel_message(request: web.Request) -> web.Response:
    """202 when it is canceled, or will be before any carrier sees it."""
    read_query(request, ())
    await read_nothing(request)
    app, tenant, identity = request.app, account_of(request).tenant, request.match_info["id"]
    message = await app[MESSAGES].find(tenant, identity)
    if message.status in WAITING:
        chunk = await _note(app[POOL], tenant, identity)
        await publish(app[POOL], app[OUTBOX], tenant, chunk, now_ms(), request[TRACEPARENT], _HERE)
        message = await _seen(request, tenant, identity)
    if message.status in WAITING or message.status == Status.CANCELED:
        return answer(MessageState(id=identity, status=message.status), 202)
    raise _too_late(message)


async def _note(pool: Pool, tenant: str, identity: str) -> str:
    """Write down that it is canceled; its chunk."""
    parsed = parse_message_id(identity)
    async with tenant_transaction(pool, tenant) as connection:
        place: tuple[str, int, str] | None
        if parsed.chunk is not None:
            place = (parsed.chunk, parsed.index, "")
        else:
            found = {"campaign": parsed.campaign, "part": parsed.part, "index": struct.pack("<I", parsed.index)}
            row = await fetch_one(connection, load_sql(_HERE, "place_of"), {"tenant": tenant, **found})
            place = None if row is None else (row[0], row[1], row[2])
        if place is None:
            raise unavailable("not_stored_yet", "it was accepted a moment ago and is not stored yet; try again")
        chunk, position, lane = place
        values = {"tenant": tenant, "chunk": chunk, "place": position, "lane": lane, "at": now_ms()}
        await execute(connection, load_sql(_HERE, "cancel_message"), values)
    return chunk


async def _seen(request: web.Request, tenant: str, identity: str) -> Message:
    """The message once it waits no more, or as it stands when time is up."""
    deadline = time.monotonic() + SEEN_SECONDS
    while True:
        message = await request.app[MESSAGES].find(tenant, identity)
        if message.status not in WAITING or time.monotonic() > deadline:
            return message
        await asyncio.sleep(LOOK_SECONDS)


def _too_late(message: Message) -> Problem:
    """409 with the present state."""
    ended = message.status in (Status.EXPIRED, Status.REJECTED)
    code = "already_ended" if ended else "already_started"
    detail = (
        f"the message is {message.status}: it has ended without being sent"
        if ended
        else f"the message is {message.status}: a carrier was given it, and it cannot be called back"
    )
    return Problem(409, code, detail, [Fault(pointer="/status", code=message.status, detail=detail)])
