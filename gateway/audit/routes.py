"""GET /v1/admin/audit: who changed what, with the operator's key.

Enters: a cursor. Leaves: changes of campaigns, canceled messages, stops, the scheduler and carriers, newest first, as
triggers wrote them in the transaction of each change. Refused: 503 while PostgreSQL is away.
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from gateway.audit.types import AuditEntry, AuditPage
from gateway.http.answer import answer
from gateway.http.context import POOL
from gateway.http.fields import instant
from gateway.http.query import NUMBERED_CURSOR, read_cursor, read_limit, read_query, write_cursor
from infra.postgres.pool import fetch_all, transaction
from infra.postgres.sql import load_sql


class _Before(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    number: int


async def show_audit(request: web.Request) -> web.Response:
    """One page."""
    query = read_query(request, ("cursor", "limit"))
    before, limit = read_cursor(query.get("cursor"), NUMBERED_CURSOR, _Before), read_limit(query)
    values = {"before": before and before.number, "limit": limit + 1}
    async with transaction(request.app[POOL]) as connection:
        rows = await fetch_all(connection, load_sql("gateway.audit", "list_audit"), values)
    return answer(
        AuditPage(
            entries=[
                AuditEntry(at=instant(at), who=who, action=action, tenant=tenant, subject=subject, detail=detail)
                for _, at, who, action, tenant, subject, detail in rows[:limit]
            ],
            next=write_cursor(_Before(number=rows[limit - 1][0])) if len(rows) > limit else None,
        )
    )
