"""POST /v1/preview: what a campaign would come to; nothing is sent or kept."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from aiohttp import web

from gateway.answers import Preview, Rejection, RouteShare
from gateway.body import read_json
from gateway.campaigns import check_campaign, inline, screen, screen_all
from gateway.cutting import Rows
from gateway.query import read_query
from gateway.requests import CampaignRequest
from gateway.state import account_of, answer, gateway_of
from schemas.money import format_amount

_DECODER = msgspec.json.Decoder(CampaignRequest)


async def preview_campaign(request: web.Request) -> web.Response:
    """200 with the totals."""
    read_query(request, ())
    gateway, account = gateway_of(request), account_of(request)
    wanted, _ = await read_json(request, _DECODER, gateway.settings.gateway.max_body_bytes)
    check_campaign(account, wanted)
    rejected: list[Rejection] = []
    screening = screen(wanted.body, wanted.smart_encoding, gateway.accounts.routes, _drop,
                       lambda rejection: rejected.append(inline(rejection)))
    await screen_all(screening, wanted.recipients)
    totals = screening.totals
    return answer(Preview(
        recipients=totals.accepted, encoding=totals.encoding, segments=totals.longest, total_segments=totals.segments,
        price=format_amount(totals.price), rejected=rejected,
        routes=[RouteShare(carrier=carrier, recipients=number) for carrier, number in totals.carriers.most_common()]))


def _drop(_buckets: Sequence[int], _rows: Rows) -> None:
    """A preview keeps nobody."""
