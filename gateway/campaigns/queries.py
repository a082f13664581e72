"""Campaigns as they stand: counts that always add up, of one snapshot, and the state that follows from them.

Enters: a tenant, and an id or a cursor. Leaves: `Campaign` records. `accepted` comes from the listed parts; what no other
state counts is `queued`, also a message that is merely accepted. A running campaign is completed when every message is sent
or at an end. A foreign or unknown id is 404. Raises `DatabaseDown`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from aiohttp import web

from gateway.campaigns.schedules import shown
from gateway.campaigns.types import Campaign, CampaignPage, Counts, RejectionPage, RejectionRow, Waiting
from gateway.http.context import now_ms
from gateway.http.fields import LaneName, instant, instant_or_none
from gateway.http.problem import Fault, not_found
from gateway.http.query import INDEXED_CURSOR, TIMED_CURSOR, read_cursor, write_cursor
from infra.postgres.pool import Pool, fetch_all, tenant_transaction
from infra.postgres.sql import load_sql
from schemas.values.campaign_status import CampaignStatus
from schemas.values.ids import IdError, parse_campaign_id
from schemas.values.money import format_amount
from schemas.values.reasons import Reason
from schemas.values.status import FINAL, STATUSES, Status

_CREATED_AT = 10
"""Its place in a row of `show_campaigns.sql`."""
_ENDED = FINAL | {Status.SENT}
_FAILED = (Status.UNDELIVERED, Status.FAILED, Status.REJECTED, Status.EXPIRED)


class _After(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    at: int
    id: str


class _AfterIndex(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    part: int
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignQueries:
    """Questions about campaigns, of one tenant each."""

    pool: Pool
    currency: str

    async def find(self, tenant: str, identity: str) -> Campaign:
        """The campaign with this id."""
        rows = await self._rows(tenant, {"id": check_id(identity), "after_at": None, "after_id": None, "limit": 1})
        if not rows:
            raise not_found("campaign")
        return _campaign(rows[0], self.currency)

    async def list(self, tenant: str, cursor: str | None, limit: int) -> CampaignPage:
        """One page, newest first."""
        after = read_cursor(cursor, TIMED_CURSOR, _After)
        rows = await self._rows(
            tenant, {"id": None, "after_at": after and after.at, "after_id": after and after.id, "limit": limit + 1}
        )
        last = rows[limit - 1] if len(rows) > limit else None
        return CampaignPage(
            campaigns=[_campaign(row, self.currency) for row in rows[:limit]],
            next=None if last is None else write_cursor(_After(id=last[0], at=last[_CREATED_AT])),
        )

    async def list_rejections(self, tenant: str, identity: str, cursor: str | None, limit: int) -> RejectionPage:
        """One page, in the order of parts and indexes."""
        await self.find(tenant, identity)
        after = read_cursor(cursor, INDEXED_CURSOR, _AfterIndex)
        async with tenant_transaction(self.pool, tenant) as connection:
            rows = await fetch_all(
                connection,
                load_sql("gateway.campaigns", "list_rejections"),
                {
                    "tenant": tenant,
                    "campaign": identity,
                    "part": after.part if after else -1,
                    "index": after.index if after else 0,
                    "limit": limit + 1,
                },
            )
        found = [_rejection(row) for row in rows[:limit]]
        last = found[-1] if len(rows) > limit else None
        return RejectionPage(
            rejections=found, next=None if last is None else write_cursor(_AfterIndex(part=last.part, index=last.index))
        )

    async def _rows(self, tenant: str, parameters: dict[str, Any]) -> Sequence[Any]:
        async with tenant_transaction(self.pool, tenant) as connection:
            return await fetch_all(
                connection, load_sql("gateway.campaigns", "show_campaigns"), parameters | {"tenant": tenant}
            )


CAMPAIGNS: web.AppKey[CampaignQueries] = web.AppKey("campaigns", CampaignQueries)


def check_id(identity: str) -> str:
    """The id, which looks like one; 404 otherwise."""
    try:
        return parse_campaign_id(identity)
    except IdError:
        raise not_found("campaign") from None


def complete_counts(accepted: int, by_rank: list[int] | None) -> Counts:
    """Counts of which all but `accepted` sum up to it; `by_rank` holds what the sinks have counted."""
    counted = {status: max(int(number), 0) for status, number in zip(STATUSES, by_rank or [], strict=False)}
    counted[Status.ACCEPTED] = accepted
    others = sum(number for status, number in counted.items() if status not in (Status.ACCEPTED, Status.QUEUED))
    counted[Status.QUEUED] = max(accepted - others, 0)
    counted[Status.ACCEPTED] = others + counted[Status.QUEUED]
    return Counts(**{str(status): counted.get(status, 0) for status in STATUSES})


def state_of(stored: str, counts: Counts, start_at: int | None, *, retrying: bool = False) -> CampaignStatus:
    """The state that follows from the stored one, the counts and the time. `retrying`: some messages are to go again."""
    status = CampaignStatus(stored)
    if status not in (CampaignStatus.RUNNING, CampaignStatus.PAUSED):
        return status
    if retrying:
        return status
    if sum(getattr(counts, end) for end in _ENDED) < counts.accepted:
        return CampaignStatus.SCHEDULED if status == CampaignStatus.RUNNING and (start_at or 0) > now_ms() else status
    failed = any(getattr(counts, end) for end in _FAILED)
    return CampaignStatus.COMPLETED_WITH_FAILURES if failed else CampaignStatus.COMPLETED


def _rejection(row: Any) -> RejectionRow:
    part, index, pointer, code, detail, value, also = row
    return RejectionRow(
        part=part,
        index=index,
        pointer=pointer,
        code=code,
        detail=detail,
        value=value,
        also=msgspec.convert(also, list[Fault]),
    )


def _campaign(row: Any, currency: str) -> Campaign:
    (
        identity,
        name,
        status,
        sender,
        body,
        lane,
        profile,
        max_price,
        validity,
        smart,
        created_at,
        started_at,
        ended_at,
        accepted,
        rejected,
        by_rank,
        charged,
        start_at,
        hours,
        retrying,
        *waits,
    ) = row
    counts = complete_counts(accepted, by_rank)
    return Campaign(
        id=identity,
        name=name,
        status=state_of(status, counts, start_at, retrying=retrying),
        sender=sender,
        body=body,
        lane=cast(LaneName, lane),
        profile=profile,
        counts=counts,
        rejected_count=rejected,
        schedule=shown(start_at, hours),
        waiting=_waiting(status, start_at, *waits),
        price=format_amount(charged),
        currency=currency,
        max_price=None if max_price is None else format_amount(max_price),
        validity_seconds=validity,
        smart_encoding=smart,
        created_at=instant(created_at),
        started_at=instant_or_none(started_at),
        ended_at=instant_or_none(ended_at),
    )


def _waiting(
    status: str, start_at: int | None, reason: str | None, until: int | None, count: int, total: int
) -> Waiting | None:
    """Of most of what waits. All that waits of a paused campaign waits for its resumption first."""
    if reason is None or status == CampaignStatus.CANCELED:
        return None
    if status == CampaignStatus.PAUSED:
        return Waiting(reason=Reason.PAUSED, until=None, count=total)
    # Uploaded to an open campaign: stays the draft that it is until the beginning.
    if reason == Reason.DRAFT and status == CampaignStatus.RUNNING and (start_at or 0) > now_ms():
        reason = Reason.SCHEDULED
    if reason == Reason.SCHEDULED:
        until = start_at or until
    # why no time for the others: they go on when something happens, not at a moment that is known.
    timed = reason in (Reason.SCHEDULED, Reason.CLOSED_HOURS, Reason.CARRIER_TRANSIENT, Reason.CAP)
    return Waiting(reason=reason, until=instant_or_none(until) if timed else None, count=count)
