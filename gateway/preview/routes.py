"""POST /v1/preview: what a campaign would come to; nothing is sent or kept.

Enters: the body of a campaign, or a form with the campaign and the file of its recipients, of any size. Leaves: totals, a
few of the texts, warnings, verdicts (of a file the first hundred). Refused as the campaign itself would be, but for prices.
"""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web

from gateway.auth.accounts import ACCOUNTS, Account
from gateway.auth.authentication import account_of
from gateway.auth.permissions import check_amount
from gateway.campaigns.incremental import read_campaign
from gateway.campaigns.inline import CAMPAIGN_MAKER, inline
from gateway.campaigns.store import SHOWN_REJECTIONS
from gateway.campaigns.types import CampaignRequest
from gateway.http.answer import answer
from gateway.http.body import read_bytes, require_content_type
from gateway.http.context import CURRENCY, LIMITS, SCHEDULER
from gateway.http.query import read_query
from gateway.http.route import JSON
from gateway.preview.form import FORM, entries_of, received_form
from gateway.preview.samples import Samples
from gateway.preview.text_warnings import VariableNames, warn
from gateway.preview.types import Preview, RouteShare
from gateway.recipients.lines import Entries
from gateway.screening.screening import AT_ONCE, screen_all, screening_of
from gateway.screening.types import Rejection
from schemas.values.money import format_amount, parse_amount


async def preview_campaign(request: web.Request) -> web.Response:
    """200 with the totals."""
    read_query(request, ())
    account = account_of(request)
    if require_content_type(request, JSON, FORM) == FORM:
        async with received_form(request, account) as (wanted, spool, content):
            preview = _Preview(request, account, wanted, shown=SHOWN_REJECTIONS)
            await preview.read(entries_of(spool, content))
            return answer(preview.result())
    return await _preview_inline(request, account)


async def _preview_inline(request: web.Request, account: Account) -> web.Response:
    limits, scheduler = request.app[LIMITS], request.app[SCHEDULER]
    data, _ = await read_bytes(request, limits.body_bytes)
    wanted = await scheduler.run_to_result(read_campaign(data), account.tenant)
    try:
        preview = _Preview(request, account, wanted, shown=None)
        await scheduler.run(preview.look_at(limits.text_characters), account.tenant)
        return answer(preview.result())
    finally:
        await scheduler.drop(wanted.recipients, account.tenant)


class _Preview:
    """What is found out of one campaign. `shown`: so many of the verdicts are told, None: all."""

    def __init__(self, request: web.Request, account: Account, wanted: CampaignRequest, *, shown: int | None) -> None:
        request.app[CAMPAIGN_MAKER].check(account, wanted)
        self._request = request
        self._account = account
        self._wanted = wanted
        self._shown = shown
        self._rejected: list[Rejection] = []
        self._samples = Samples(wanted.body, wanted.smart_encoding)
        self._names = VariableNames(wanted.body)
        self._screening = screening_of(
            wanted.body,
            wanted.smart_encoding,
            request.app[ACCOUNTS].routes,
            self._samples.keep,
            self._refuse,
            show=str,
        )

    def look_at(self, characters: int) -> Iterator[None]:
        """The recipients in the request, in steps."""
        recipients = self._wanted.recipients
        for first in range(0, len(recipients), AT_ONCE):
            self._names.see(recipients[first : first + AT_ONCE])
            yield
        yield from screen_all(self._screening, recipients, characters)

    async def read(self, blocks: Iterator[Entries]) -> None:
        """The recipients in a file."""
        scheduler, tenant, index = self._request.app[SCHEDULER], self._account.tenant, 0
        while (entries := await scheduler.next_of(blocks, tenant)) is not None:
            self._names.see(entries)
            await scheduler.run(self._screening.steps(index, entries), tenant)
            index += len(entries)

    def result(self) -> Preview:
        """The answer."""
        totals, wanted = self._screening.totals, self._wanted
        check_amount(totals.price)
        return Preview(
            recipients=totals.accepted,
            encoding=totals.encoding,
            segments=totals.longest,
            total_segments=totals.segments,
            price=format_amount(totals.price),
            currency=self._request.app[CURRENCY],
            routes=[RouteShare(carrier=carrier, recipients=number) for carrier, number in totals.carriers.most_common()],
            samples=self._samples.texts(),
            warnings=warn(
                body=wanted.body,
                smart_encoding=wanted.smart_encoding,
                names=self._names,
                odd=self._samples.odd,
                segments=totals.longest,
                price=totals.price,
                max_price=None if wanted.max_price is None else parse_amount(wanted.max_price),
            ),
            rejected_count=totals.rejected,
            rejected=self._rejected,
        )

    def _refuse(self, rejection: Rejection) -> None:
        if self._shown is None:
            self._rejected.append(inline(rejection))
        elif len(self._rejected) < self._shown:
            self._rejected.append(rejection)
