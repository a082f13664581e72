"""Campaigns: POST /v1/campaigns, start, cancel, and the GETs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web
from msgspec import UNSET

from gateway.auth.accounts import ACCOUNTS
from gateway.auth.authentication import account_of
from gateway.auth.permissions import check_balance
from gateway.campaigns.incremental import read_campaign
from gateway.campaigns.inline import CAMPAIGN_MAKER
from gateway.campaigns.queries import CAMPAIGNS, check_id
from gateway.campaigns.rows import ScheduleChange
from gateway.campaigns.schedules import Reschedule, start_of, window_of
from gateway.campaigns.store import CampaignStore, not_applicable
from gateway.campaigns.types import CampaignAccepted, CampaignState, RetryRequest
from gateway.http.answer import answer
from gateway.http.body import read_bytes, read_json, read_nothing
from gateway.http.context import LIMITS, OUTBOX, POOL, SCHEDULER, TRACEPARENT, now_ms
from gateway.http.query import read_limit, read_query, read_status
from gateway.idempotency.idempotent import digest_of, idempotent
from gateway.idempotency.keys import Made, Stored
from gateway.messages.queries import MESSAGES, MessageFilter
from gateway.publish_command import publish
from schemas.values.campaign_status import CampaignStatus
from schemas.values.ids import campaign_id

_RETRY = msgspec.json.Decoder(RetryRequest)
_RESCHEDULE = msgspec.json.Decoder(Reschedule)
_COMPLETED = (CampaignStatus.COMPLETED, CampaignStatus.COMPLETED_WITH_FAILURES)


async def accept_campaign(request: web.Request) -> web.Response:
    """202 when Kafka has the campaign's chunks and command, and PostgreSQL its row."""
    read_query(request, ())
    app, account = request.app, account_of(request)
    data, body_digest = await read_bytes(request, app[LIMITS].body_bytes)
    wanted = await app[SCHEDULER].run_to_result(read_campaign(data), account.tenant)
    digest = digest_of(request, body_digest)

    async def make(root: str) -> Stored:
        return _accepted(
            await app[CAMPAIGN_MAKER].make(
                account,
                app[ACCOUNTS].routes,
                wanted,
                campaign_id(root),
                digest=digest,
                now=now_ms(),
                traceparent=request[TRACEPARENT],
            )
        )

    async def recall(made: Made) -> Stored:
        await _publish(request, made.id)
        return _accepted(msgspec.convert(made.answer, CampaignAccepted))

    try:
        return await idempotent(request, digest, make, recall)
    finally:
        await app[SCHEDULER].drop(wanted.recipients, account.tenant)


async def start_campaign(request: web.Request) -> web.Response:
    """202 when every role can know that it runs."""
    read_query(request, ())
    await read_nothing(request)
    app, account = request.app, account_of(request)
    identity = check_id(request.match_info["id"])
    present = await app[CAMPAIGNS].find(account.tenant, identity)
    if present.status == CampaignStatus.DRAFT and present.counts.accepted:
        check_balance(account.available, app[ACCOUNTS].routes.cheapest)
    await CampaignStore(app[POOL]).start(account.tenant, identity, now_ms())
    return await _published(request, identity)


async def cancel_campaign(request: web.Request) -> web.Response:
    """202 when every role can know that it is canceled."""
    return await _move(request, CampaignStore.cancel)


async def pause_campaign(request: web.Request) -> web.Response:
    """202 when every role can know that it rests."""
    return await _move(request, CampaignStore.pause)


async def resume_campaign(request: web.Request) -> web.Response:
    """202 when every role can know that it runs again."""
    return await _move(request, CampaignStore.resume)


async def retry_campaign(request: web.Request) -> web.Response:
    """202 once the releasers know it; they send again what PostgreSQL knows to be in this scope when they come to it."""
    read_query(request, ())
    app, tenant = request.app, account_of(request).tenant
    identity = check_id(request.match_info["id"])
    wanted, _ = await read_json(request, _RETRY, app[LIMITS].body_bytes)
    await CampaignStore(app[POOL]).retry(tenant, identity, wanted.scope, now_ms())
    return await _published(request, identity)


async def reschedule_campaign(request: web.Request) -> web.Response:
    """202 when every role can know its new beginning and its new hours."""
    read_query(request, ())
    app, tenant, now = request.app, account_of(request).tenant, now_ms()
    identity = check_id(request.match_info["id"])
    wanted, _ = await read_json(request, _RESCHEDULE, app[LIMITS].body_bytes)
    change = ScheduleChange(
        new_start=wanted.start_at is not UNSET,
        start_at=None if wanted.start_at is UNSET else start_of(wanted.start_at, now, "/start_at"),
        new_window=wanted.window is not UNSET,
        window=None if wanted.window is UNSET else window_of(wanted.window, "/window"),
    )
    present = await app[CAMPAIGNS].find(tenant, identity)
    if present.status in _COMPLETED:
        raise not_applicable("a new schedule", present.status)
    await CampaignStore(app[POOL]).reschedule(tenant, identity, change, now)
    return await _published(request, identity)


async def show_campaign(request: web.Request) -> web.Response:
    """One campaign."""
    read_query(request, ())
    return answer(await request.app[CAMPAIGNS].find(account_of(request).tenant, request.match_info["id"]))


async def show_campaigns(request: web.Request) -> web.Response:
    """Campaigns of the account, newest first."""
    query = read_query(request, ("cursor", "limit"))
    return answer(await request.app[CAMPAIGNS].list(account_of(request).tenant, query.get("cursor"), read_limit(query)))


async def show_campaign_messages(request: web.Request) -> web.Response:
    """The messages of one campaign."""
    app, tenant = request.app, account_of(request).tenant
    query = read_query(request, ("status", "cursor", "limit"))
    wanted = MessageFilter(campaign=request.match_info["id"], status=read_status(query))
    await app[CAMPAIGNS].find(tenant, request.match_info["id"])
    return answer(await app[MESSAGES].list(tenant, wanted, query.get("cursor"), read_limit(query)))


async def show_rejections(request: web.Request) -> web.Response:
    """The recipients of one campaign that were refused."""
    query = read_query(request, ("cursor", "limit"))
    return answer(
        await request.app[CAMPAIGNS].list_rejections(
            account_of(request).tenant, request.match_info["id"], query.get("cursor"), read_limit(query)
        )
    )


async def _move(request: web.Request, call: Callable[..., Awaitable[None]]) -> web.Response:
    """Another state, for a campaign that is not over."""
    read_query(request, ())
    await read_nothing(request)
    app, tenant = request.app, account_of(request).tenant
    identity = check_id(request.match_info["id"])
    present = await app[CAMPAIGNS].find(tenant, identity)
    ended = present.status if present.status in _COMPLETED else None
    await call(CampaignStore(app[POOL]), tenant, identity, now_ms(), ended=ended)
    return await _published(request, identity)


async def _published(request: web.Request, identity: str) -> web.Response:
    await _publish(request, identity)
    present = await request.app[CAMPAIGNS].find(account_of(request).tenant, identity)
    return answer(CampaignState(id=identity, status=present.status), 202)


async def _publish(request: web.Request, identity: str) -> None:
    await publish(
        request.app[POOL], request.app[OUTBOX], account_of(request).tenant, identity, now_ms(), request[TRACEPARENT]
    )


def _accepted(accepted: CampaignAccepted) -> Stored:
    return Stored(status=202, body=msgspec.json.encode(accepted), location=f"/v1/campaigns/{accepted.id}")
