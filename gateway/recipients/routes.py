"""POST /v1/campaigns/{id}/recipients."""

from __future__ import annotations

import secrets
from hashlib import blake2b

from aiohttp import web

from gateway.auth.authentication import account_of
from gateway.campaigns.queries import check_id
from gateway.http.answer import answer
from gateway.http.body import require_content_type
from gateway.http.context import LIMITS, METRICS, OUTBOX, POOL, TRACEPARENT, now_ms
from gateway.http.problem import refusal
from gateway.http.query import read_query
from gateway.idempotency.idempotent import read_key
from gateway.publish_command import publish
from gateway.recipients.types import MAX_PART
from gateway.recipients.uploads import READERS, UPLOADS, Upload
from schemas.values.ids import CampaignId


async def accept_recipients(request: web.Request) -> web.Response:
    """202 when the part counts."""
    read_query(request, ())
    app, account = request.app, account_of(request)
    identity = check_id(request.match_info["id"])
    content = require_content_type(request, *READERS)
    upload = Upload(
        tenant=account.tenant,
        campaign=CampaignId(identity),
        part=_part(request, identity),
        content=content,
        traceparent=request[TRACEPARENT],
    )
    uploads, metrics = app[LIMITS].uploads, app[METRICS]
    try:
        with uploads.reservation(account.tenant) as running:
            running.grow(1)
            metrics.set("sluice_uploads_running", uploads.reserved)
            await publish(app[POOL], app[OUTBOX], account.tenant, identity, now_ms(), request[TRACEPARENT])
            accepted, repeated = await app[UPLOADS].receive(request.content, request.content_length, account, upload, now_ms)
    finally:
        metrics.set("sluice_uploads_running", uploads.reserved)
    response = answer(accepted, 202)
    if repeated:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _part(request: web.Request, campaign: str) -> int:
    """The part's number: the client's own, or one that follows from the idempotency key, or a random one."""
    values = request.headers.getall("Upload-Part", [])
    if values:
        text = values[0]
        if not (len(values) == 1 and text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= MAX_PART):
            raise refusal("", "bad_upload_part", f"Upload-Part is a whole number from 0 to {MAX_PART}")
        return int(text)
    key = read_key(request)
    if key is None:
        return MAX_PART + 1 + secrets.randbelow(MAX_PART)
    named = blake2b(f"{campaign}\0{key}".encode(), digest_size=8, person=b"upload-part").digest()
    return MAX_PART + 1 + int.from_bytes(named, "big") % MAX_PART
