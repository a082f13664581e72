"""Campaigns as they stand: counts that always add up, of one snapshot, and the state that follows from them.

Enters: a tenant, and an id or a cursor. Leaves: `Campaign` records. `accepted` comes from the listed parts; what no other
state counts is `queued`, also a message that is merely accepted. A running campaign is completed when every message is sent
or at an end. A foreign or unknown id is 404. Raises `DatabaseDown`.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from gateway.answers import (
    Campaign,
    CampaignPage,
    CampaignStatus,
    Counts,
    RejectionPage,
    RejectionRow,
    Waiting,
    instant,
    instant_or_none,
)
from gateway.http.problem import not_found
from gateway.http.query import INDEXED_CURSOR, TIMED_CURSOR, read_cursor, write_cursor
from gateway.requests import LaneName
from gateway.state import Gateway
from infra.postgres.pool import fetch_all, tenant_transaction
from infra.postgres.sql import load_sql
from schemas.values.ids import IdError, parse_campaign_id
from schemas.values.money import format_amount
from schemas.values.status import FINAL, STATUSES, Status

_ENDED = FINAL | {Status.SENT}
_FAILED = (Status.UNDELIVERED, Status.FAILED, Status.REJECTED, Status.EXPIRED)


class _After(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    at: int
    id: str


class _AfterIndex(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    part: int
    index: int


async def find_campaign(gateway: Gateway, tenant: str, identity: str) -> Campaign:
    """The campaign with this id."""
    rows = await _rows(gateway, tenant, {"id": check_id(identity), "after_at": None, "after_id": None, "limit": 1})
    if not rows:
        raise not_found("campaign")
    return _campaign(rows[0], gateway.currency)


async def list_campaigns(gateway: Gateway, tenant: str, cursor: str | None, limit: int) -> CampaignPage:
    """One page, newest first."""
    after = read_cursor(cursor, TIMED_CURSOR, _After)
    rows = await _rows(gateway, tenant, {"id": None, "after_at": after and after.at, "after_id": after and after.id,
                                         "limit": limit + 1})
    last = rows[limit - 1] if len(rows) > limit else None
    return CampaignPage(campaigns=[_campaign(row, gateway.currency) for row in rows[:limit]],
                        next=None if last is None else write_cursor(_After(id=last[0], at=last[9])))


async def list_rejections(gateway: Gateway, tenant: str, identity: str, cursor: str | None, limit: int) -> RejectionPage:
    """One page, in the order of parts and indexes."""
    await find_campaign(gateway, tenant, identity)
    after = read_cursor(cursor, INDEXED_CURSOR, _AfterIndex)
    async with tenant_transaction(gateway.pool, tenant) as connection:
        rows = await fetch_all(connection, load_sql("gateway.campaigns", "list_rejections"), {
            "tenant": tenant, "campaign": identity, "part": after.part if after else -1,
            "index": after.index if after else 0, "limit": limit + 1})
    found = [RejectionRow(part=row[0], index=row[1], pointer=row[2], code=row[3], detail=row[4]) for row in rows[:limit]]
    last = found[-1] if len(rows) > limit else None
    return RejectionPage(rejections=found,
                         next=None if last is None else write_cursor(_AfterIndex(part=last.part, index=last.index)))


def check_id(identity: str) -> str:
    """The id, which looks like one; 404 otherwise."""
    try:
        return parse_campaign_id(identity)
    except IdError:
        raise not_found("campaign") from None


def add_up(accepted: int, by_rank: list[int] | None) -> Counts:
    """Counts of which all but `accepted` sum up to it; `by_rank` holds what the sinks have counted."""
    counted = {status: max(int(number), 0) for status, number in zip(STATUSES, by_rank or [], strict=False)}
    counted[Status.ACCEPTED] = accepted
    others = sum(number for status, number in counted.items() if status not in (Status.ACCEPTED, Status.QUEUED))
    counted[Status.QUEUED] = max(accepted - others, 0)
    counted[Status.ACCEPTED] = others + counted[Status.QUEUED]
    return Counts(**{str(status): counted.get(status, 0) for status in STATUSES})


def state_of(stored: str, counts: Counts) -> CampaignStatus:
    """The state that follows from the stored one and the counts."""
    if stored != "running":
        return cast(CampaignStatus, stored)
    if sum(getattr(counts, status) for status in _ENDED) < counts.accepted:
        return "running"
    return "completed_with_failures" if any(getattr(counts, status) for status in _FAILED) else "completed"


async def _rows(gateway: Gateway, tenant: str, parameters: dict[str, Any]) -> list[Any]:
    async with tenant_transaction(gateway.pool, tenant) as connection:
        return await fetch_all(connection, load_sql("gateway.campaigns", "show_campaigns"), parameters | {"tenant": tenant})


def _campaign(row: Any, currency: str) -> Campaign:
    (identity, name, status, sender, body, lane, max_price, validity, smart, created_at, started_at, ended_at, accepted,
     rejected, by_rank, charged, reason, _) = row
    counts = add_up(accepted, by_rank)
    waiting = None
    if reason is not None and status != "canceled":
        # why no time: what waits now goes on when something happens, not at a moment that is known.
        waiting = Waiting(reason=reason, until=None)
    return Campaign(
        id=identity, name=name, status=state_of(status, counts), sender=sender, body=body, lane=cast(LaneName, lane),
        counts=counts, rejected_count=rejected, waiting=waiting, price=format_amount(charged), currency=currency,
        max_price=None if max_price is None else format_amount(max_price), validity_seconds=validity,
        smart_encoding=smart, created_at=instant(created_at), started_at=instant_or_none(started_at),
        ended_at=instant_or_none(ended_at))
