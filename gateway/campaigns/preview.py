"""POST /v1/preview: what a campaign would come to; nothing is sent or kept."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from gateway.auth.accounts import ACCOUNTS, Account
from gateway.auth.authentication import account_of
from gateway.auth.permissions import check_amount
from gateway.campaigns.incremental import read_campaign
from gateway.campaigns.inline import CAMPAIGN_MAKER, inline
from gateway.campaigns.types import CampaignRequest, Preview, RouteShare
from gateway.http.answer import answer
from gateway.http.body import read_bytes
from gateway.http.context import LIMITS, SCHEDULER
from gateway.http.query import read_query
from gateway.screening.chunker import Rows
from gateway.screening.screening import screen_all, screening_of
from gateway.screening.types import Rejection
from schemas.values.money import format_amount


async def preview_campaign(request: web.Request) -> web.Response:
    """200 with the totals."""
    read_query(request, ())
    account, limits, scheduler = account_of(request), request.app[LIMITS], request.app[SCHEDULER]
    data, _ = await read_bytes(request, limits.body_bytes)
    wanted = await scheduler.run_to_result(read_campaign(data), account.tenant)
    try:
        return await _preview(request, account, wanted)
    finally:
        await scheduler.drop(wanted.recipients, account.tenant)


async def _preview(request: web.Request, account: Account, wanted: CampaignRequest) -> web.Response:
    request.app[CAMPAIGN_MAKER].check(account, wanted)
    rejected: list[Rejection] = []
    screening = screening_of(
        wanted.body,
        wanted.smart_encoding,
        request.app[ACCOUNTS].routes,
        _drop,
        lambda rejection: rejected.append(inline(rejection)),
    )
    steps = screen_all(screening, wanted.recipients, request.app[LIMITS].text_characters)
    await request.app[SCHEDULER].run(steps, account.tenant)
    totals = screening.totals
    check_amount(totals.price)
    return answer(
        Preview(
            recipients=totals.accepted,
            encoding=totals.encoding,
            segments=totals.longest,
            total_segments=totals.segments,
            price=format_amount(totals.price),
            rejected=rejected,
            routes=[RouteShare(carrier=carrier, recipients=number) for carrier, number in totals.carriers.most_common()],
        )
    )


def _drop(_buckets: Sequence[int], _rows: Rows) -> None:
    """A preview keeps nobody."""
