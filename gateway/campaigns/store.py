"""Campaigns in PostgreSQL: made, filled with parts, started, canceled; every change under the lock of the row.

Enters: typed values. Leaves: rows, committed. The order that promises rest on: chunks are acknowledged before their part
is listed here, and a change is committed here before `campaign_commands` tells the other roles. Refused: 404 for an unknown
or a foreign id, 409 with the present state when a call does not apply, 422 when a part would bring a campaign above its
`max_price`; parts are added up under the lock, so that no two exceed it together. Raises `DatabaseDown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from gateway.auth.permissions import check_amount, check_price
from gateway.campaigns.rows import CampaignRow, PartRow, ScheduleChange, StoredCampaign, StoredPart
from gateway.http.problem import Fault, Problem, not_found
from gateway.screening.types import Rejection
from infra.postgres.pool import Connection, Jsonb, Pool, execute, fetch_one, tenant_transaction
from infra.postgres.sql import load_sql
from schemas.values.campaign_status import CampaignStatus
from schemas.values.window import Window

SHOWN_REJECTIONS = 100
REJECTIONS_BLOCK = 5_000


class CampaignStore:
    """The campaigns of all tenants, each in transactions of its own tenant."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def make(self, row: CampaignRow, part: PartRow | None) -> bool:
        """Insert the campaign with its first part; False when this id is there already."""
        async with tenant_transaction(self._pool, row.tenant) as connection:
            made = await execute(
                connection,
                _sql("insert_campaign"),
                {
                    "tenant": row.tenant,
                    "id": row.id,
                    "name": row.name,
                    "sender": row.sender,
                    "body": row.body,
                    "lane": row.lane,
                    "profile": row.profile,
                    "smart": row.smart,
                    "validity_seconds": row.validity_seconds,
                    "max_price": row.max_price,
                    "status": str(row.status),
                    "grouping": row.grouping,
                    "digest": row.digest,
                    "answer": Jsonb(row.answer, msgspec.json.encode),
                    "at": row.at,
                    "started_at": row.at if row.status == CampaignStatus.RUNNING else None,
                    "start_at": row.start_at,
                    "hours": _hours(row.window),
                },
            )
            if made and part is not None:
                await _insert_rejections(connection, row.tenant, row.id, part)
                await _insert_part(connection, row.tenant, row.id, part, row.at)
        return bool(made)

    async def read(self, tenant: str, campaign: str) -> StoredCampaign:
        """The campaign."""
        async with tenant_transaction(self._pool, tenant) as connection:
            row = await fetch_one(connection, _sql("read_campaign"), {"tenant": tenant, "id": campaign})
        if row is None:
            raise not_found("campaign")
        names = StoredCampaign.__slots__
        return StoredCampaign(**dict(zip(names, row, strict=True)))

    async def find_part(self, tenant: str, campaign: str, part: int) -> StoredPart | None:
        """The part, if it is listed."""
        async with tenant_transaction(self._pool, tenant) as connection:
            return await _find_part(connection, tenant, campaign, part)

    async def check_price(self, tenant: str, campaign: str, limit: int | None, part: int, price: int) -> None:
        """The part would fit as things stand; whether it does is decided when it is listed."""
        async with tenant_transaction(self._pool, tenant) as connection:
            await _check_price(connection, tenant, campaign, limit, part, price)

    async def list_part(self, tenant: str, campaign: str, part: PartRow, at: int) -> StoredPart | None:
        """Add a part to a draft; None, or what stands there when it is listed already."""
        async with tenant_transaction(self._pool, tenant) as connection:
            status, limit = await _lock(connection, tenant, campaign)
            listed = await _find_part(connection, tenant, campaign, part.part)
            if listed is not None:
                return listed
            if status != CampaignStatus.DRAFT:
                raise not_applicable("recipients", status)
            await _check_price(connection, tenant, campaign, limit, part.part, part.price)
            await _insert_rejections(connection, tenant, campaign, part)
            await _insert_part(connection, tenant, campaign, part, at)
        return None

    async def start(self, tenant: str, campaign: str, at: int) -> None:
        """From draft to running; nothing when it runs already."""
        async with tenant_transaction(self._pool, tenant) as connection:
            status, _ = await _lock(connection, tenant, campaign)
            if status == CampaignStatus.RUNNING:
                return
            if status != CampaignStatus.DRAFT:
                raise not_applicable("start", status)
            await _move(connection, tenant, campaign, CampaignStatus.RUNNING, at)

    async def pause(self, tenant: str, campaign: str, at: int, *, ended: CampaignStatus | None) -> None:
        """From running to paused; nothing when it rests already. `ended`: the state of a completed one."""
        async with tenant_transaction(self._pool, tenant) as connection:
            status, _ = await _lock(connection, tenant, campaign)
            if status == CampaignStatus.PAUSED:
                return
            if ended is not None or status != CampaignStatus.RUNNING:
                raise not_applicable("pause", ended or status)
            await _move(connection, tenant, campaign, CampaignStatus.PAUSED, at)

    async def resume(self, tenant: str, campaign: str, at: int, *, ended: CampaignStatus | None) -> None:
        """From paused to running; nothing when it runs already. `ended`: the state of a completed one."""
        async with tenant_transaction(self._pool, tenant) as connection:
            status, _ = await _lock(connection, tenant, campaign)
            if ended is not None or status not in (CampaignStatus.PAUSED, CampaignStatus.RUNNING):
                raise not_applicable("resume", ended or status)
            if status == CampaignStatus.PAUSED:
                await _move(connection, tenant, campaign, CampaignStatus.RUNNING, at)

    async def retry(self, tenant: str, campaign: str, scope: str, at: int) -> None:
        """Ask for these messages once more; nothing while the same is being done already."""
        async with tenant_transaction(self._pool, tenant) as connection:
            status, _ = await _lock(connection, tenant, campaign)
            if status not in (CampaignStatus.RUNNING, CampaignStatus.PAUSED):
                raise not_applicable("retry", status)
            await execute(
                connection, _sql("insert_retry"), {"tenant": tenant, "campaign": campaign, "scope": scope, "at": at}
            )

    async def reschedule(self, tenant: str, campaign: str, change: ScheduleChange, at: int) -> None:
        """Another beginning, before it has begun; other hours, until it is over."""
        async with tenant_transaction(self._pool, tenant) as connection:
            status, _ = await _lock(connection, tenant, campaign)
            if status == CampaignStatus.CANCELED:
                raise not_applicable("a new schedule", status)
            moved = await execute(
                connection,
                _sql("reschedule_campaign"),
                {
                    "tenant": tenant,
                    "id": campaign,
                    "at": at,
                    "new_start": change.new_start,
                    "start_at": change.start_at,
                    "new_hours": change.new_window,
                    "hours": _hours(change.window),
                },
            )
            if not moved:
                raise not_applicable("another start_at", "running")

    async def cancel(self, tenant: str, campaign: str, at: int, *, ended: CampaignStatus | None) -> None:
        """From any other state to canceled; nothing when it is canceled. `ended`: the state of a completed one."""
        async with tenant_transaction(self._pool, tenant) as connection:
            status, _ = await _lock(connection, tenant, campaign)
            if status == CampaignStatus.CANCELED:
                return
            if ended is not None:
                raise not_applicable("cancel", ended)
            await _move(connection, tenant, campaign, CampaignStatus.CANCELED, at)


def _hours(window: Window | None) -> Jsonb | None:
    return None if window is None else Jsonb(window, msgspec.json.encode)


def not_applicable(call: str, status: str) -> Problem:
    """409 with the present state."""
    detail = f"the campaign is {status}; {call} does not apply"
    return Problem(409, "wrong_state", detail, [Fault(pointer="/status", code=status, detail=detail)])


async def _lock(connection: Connection, tenant: str, campaign: str) -> tuple[str, int | None]:
    """Status and price limit."""
    row = await fetch_one(connection, _sql("lock_campaign"), {"tenant": tenant, "id": campaign})
    if row is None:
        raise not_found("campaign")
    status, limit = row
    return status, limit


async def _check_price(connection: Connection, tenant: str, campaign: str, limit: int | None, part: int, price: int) -> None:
    check_amount(price)
    row = await fetch_one(connection, _sql("sum_prices"), {"tenant": tenant, "campaign": campaign, "part": part})
    check_price(limit, price + (int(row[0]) if row else 0))


async def _move(connection: Connection, tenant: str, campaign: str, status: CampaignStatus, at: int) -> None:
    await execute(connection, _sql("move_campaign"), {"tenant": tenant, "id": campaign, "status": str(status), "at": at})


async def _find_part(connection: Connection, tenant: str, campaign: str, part: int) -> StoredPart | None:
    row = await fetch_one(connection, _sql("find_part"), {"tenant": tenant, "campaign": campaign, "part": part})
    if row is None:
        return None
    recipients, rejected_count, rejected, digest = row
    return StoredPart(
        recipients=recipients,
        rejected_count=rejected_count,
        digest=bytes(digest),
        rejected=msgspec.convert(rejected, list[Rejection]),
    )


async def _insert_part(connection: Connection, tenant: str, campaign: str, part: PartRow, at: int) -> None:
    await execute(
        connection,
        _sql("insert_part"),
        {
            "tenant": tenant,
            "campaign": campaign,
            "part": part.part,
            "chunks": part.chunks,
            "recipients": part.recipients,
            "price": part.price,
            "rejected_count": part.rejected_count,
            "rejected": Jsonb(part.rejected[:SHOWN_REJECTIONS], msgspec.json.encode),
            "digest": part.digest,
            "at": at,
        },
    )


async def _insert_rejections(connection: Connection, tenant: str, campaign: str, part: PartRow) -> None:
    for block in _blocks(part.rejections):
        await execute(
            connection,
            _sql("insert_rejections"),
            {
                "tenant": tenant,
                "campaign": campaign,
                "part": part.part,
                "indexes": [r.index for r in block],
                "pointers": [r.pointer for r in block],
                "codes": [r.code for r in block],
                "details": [r.detail for r in block],
                "values": [r.value for r in block],
                "also": [msgspec.json.encode(r.also).decode() for r in block],
            },
        )


def _blocks(rejections: Iterable[Rejection]) -> Iterator[Sequence[Rejection]]:
    block: list[Rejection] = []
    for rejection in rejections:
        block.append(rejection)
        if len(block) == REJECTIONS_BLOCK:
            yield block
            block = []
    if block:
        yield block


def _sql(name: str) -> str:
    return load_sql("gateway.campaigns", name)
