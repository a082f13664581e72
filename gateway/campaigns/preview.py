"""POST /v1/preview: what a campaign would come to; nothing is sent or kept."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from gateway.answers import Preview, Rejection, RouteShare
from gateway.auth.permissions import check_amount
from gateway.campaigns.incremental import read_campaign
from gateway.campaigns.inline import check_campaign, inline, screen, screen_all
from gateway.http.body import read_bytes
from gateway.http.query import read_query
from gateway.screening.chunker import Rows
from gateway.state import account_of, answer, gateway_of
from schemas.values.money import format_amount


async def preview_campaign(request: web.Request) -> web.Response:
    """200 with the totals."""
    read_query(request, ())
    gateway, account = gateway_of(request), account_of(request)
    data, _ = await read_bytes(request, gateway.settings.gateway.max_body_bytes)
    wanted = await gateway.bounds.turns.result(read_campaign(data))
    check_campaign(account, wanted)
    rejected: list[Rejection] = []
    screening = screen(wanted.body, wanted.smart_encoding, gateway.accounts.routes, _drop,
                       lambda rejection: rejected.append(inline(rejection)))
    await gateway.bounds.turns.finish(screen_all(screening, wanted.recipients, gateway.bounds.text_characters))
    totals = screening.totals
    check_amount(totals.price)
    return answer(Preview(
        recipients=totals.accepted, encoding=totals.encoding, segments=totals.longest, total_segments=totals.segments,
        price=format_amount(totals.price), rejected=rejected,
        routes=[RouteShare(carrier=carrier, recipients=number) for carrier, number in totals.carriers.most_common()]))


def _drop(_buckets: Sequence[int], _rows: Rows) -> None:
    """A preview keeps nobody."""
