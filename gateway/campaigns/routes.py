"""Campaigns: POST /v1/campaigns, start, cancel, and the GETs."""

from __future__ import annotations

import msgspec
from aiohttp import web

from gateway.answers import CampaignAccepted, CampaignState
from gateway.auth.permissions import check_balance
from gateway.campaigns.commands import publish
from gateway.campaigns.incremental import read_campaign
from gateway.campaigns.inline import make_campaign
from gateway.campaigns.queries import check_id, find_campaign, list_campaigns, list_rejections
from gateway.campaigns.store import CampaignStore
from gateway.http.body import read_bytes, read_nothing
from gateway.http.query import read_limit, read_query, read_status
from gateway.idempotency.idempotent import once, scoped
from gateway.idempotency.keys import Made, Stored
from gateway.messages.queries import MessageFilter, list_messages
from gateway.state import TRACEPARENT, account_of, answer, gateway_of
from schemas.values.ids import campaign_id


async def accept_campaign(request: web.Request) -> web.Response:
    """202 when Kafka has the campaign's chunks and command, and PostgreSQL its row."""
    read_query(request, ())
    gateway, account = gateway_of(request), account_of(request)
    data, body_digest = await read_bytes(request, gateway.settings.gateway.max_body_bytes)
    wanted = await gateway.bounds.turns.result(read_campaign(data))
    digest = scoped(request, body_digest)

    async def make(root: str) -> Stored:
        identity = campaign_id(root)
        return _accepted(await make_campaign(gateway, account, wanted, identity, digest, request[TRACEPARENT]))

    async def recall(made: Made) -> Stored:
        await publish(gateway.pool, gateway.outbox, account.tenant, made.id, gateway.now(), request[TRACEPARENT])
        return _accepted(msgspec.convert(made.answer, CampaignAccepted))

    return await once(request, digest, make, recall)


async def start_campaign(request: web.Request) -> web.Response:
    """202 when every role can know that it runs."""
    read_query(request, ())
    await read_nothing(request)
    gateway, account = gateway_of(request), account_of(request)
    identity = check_id(request.match_info["id"])
    present = await find_campaign(gateway, account.tenant, identity)
    if present.status == "draft" and present.counts.accepted:
        check_balance(account.available, gateway.accounts.routes.cheapest)
    await CampaignStore(gateway.pool).start(account.tenant, identity, gateway.now())
    return await _published(request, identity)


async def cancel_campaign(request: web.Request) -> web.Response:
    """202 when every role can know that it is canceled."""
    read_query(request, ())
    await read_nothing(request)
    gateway, tenant = gateway_of(request), account_of(request).tenant
    identity = check_id(request.match_info["id"])
    present = await find_campaign(gateway, tenant, identity)
    ended = present.status if present.status.startswith("completed") else None
    await CampaignStore(gateway.pool).cancel(tenant, identity, gateway.now(), ended=ended)
    return await _published(request, identity)


async def show_campaign(request: web.Request) -> web.Response:
    """One campaign."""
    read_query(request, ())
    return answer(await find_campaign(gateway_of(request), account_of(request).tenant, request.match_info["id"]))


async def show_campaigns(request: web.Request) -> web.Response:
    """Campaigns of the account, newest first."""
    query = read_query(request, ("cursor", "limit"))
    return answer(await list_campaigns(gateway_of(request), account_of(request).tenant, query.get("cursor"),
                                       read_limit(query)))


async def show_campaign_messages(request: web.Request) -> web.Response:
    """The messages of one campaign."""
    gateway, tenant = gateway_of(request), account_of(request).tenant
    query = read_query(request, ("status", "cursor", "limit"))
    wanted = MessageFilter(campaign=request.match_info["id"], status=read_status(query))
    await find_campaign(gateway, tenant, request.match_info["id"])
    return answer(await list_messages(gateway, tenant, wanted, query.get("cursor"), read_limit(query)))


async def show_rejections(request: web.Request) -> web.Response:
    """The recipients of one campaign that were refused."""
    query = read_query(request, ("cursor", "limit"))
    return answer(await list_rejections(gateway_of(request), account_of(request).tenant, request.match_info["id"],
                                        query.get("cursor"), read_limit(query)))


async def _published(request: web.Request, identity: str) -> web.Response:
    gateway, tenant = gateway_of(request), account_of(request).tenant
    await publish(gateway.pool, gateway.outbox, tenant, identity, gateway.now(), request[TRACEPARENT])
    present = await find_campaign(gateway, tenant, identity)
    return answer(CampaignState(id=identity, status=present.status), 202)


def _accepted(accepted: CampaignAccepted) -> Stored:
    return Stored(status=202, body=msgspec.json.encode(accepted), location=f"/v1/campaigns/{accepted.id}")
