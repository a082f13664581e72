"""/v1/admin/scheduler: start and stop of all releasers, with the operator's key.

Enters: nothing. Leaves: the stored state, each releaser, what waits. It is in force once stored: releasers read it each
second, and are called through Redis to do it at once. Refused: 503 while PostgreSQL is away; without Redis the releasers
are null.
"""

from __future__ import annotations

from contextlib import suppress

from aiohttp import web

from gateway.http.answer import answer
from gateway.http.body import read_nothing
from gateway.http.context import POOL, now_ms
from gateway.http.fields import instant, instant_or_none
from gateway.http.query import read_query
from gateway.scheduler.types import SchedulerState, ShownReleaser
from infra.postgres.pool import Connection, execute, fetch_all, fetch_one, transaction
from infra.postgres.sql import load_sql
from infra.redis.client import RedisDown
from infra.redis.releaser_board import Releaser, ReleaserBoard

RELEASERS: web.AppKey[ReleaserBoard] = web.AppKey("releasers", ReleaserBoard)


async def show_scheduler(request: web.Request) -> web.Response:
    """The state, and how each releaser is doing."""
    read_query(request, ())
    async with transaction(request.app[POOL]) as connection:
        return answer(await _state(request, connection))


async def start_scheduler(request: web.Request) -> web.Response:
    """200 once it is stored that what waits goes on."""
    return await _set(request, enabled=True)


async def stop_scheduler(request: web.Request) -> web.Response:
    """200 once it is stored that nothing goes."""
    return await _set(request, enabled=False)


async def _set(request: web.Request, *, enabled: bool) -> web.Response:
    read_query(request, ())
    await read_nothing(request)
    async with transaction(request.app[POOL]) as connection:
        await execute(connection, _sql("set_state"), {"enabled": enabled, "at": now_ms()})
    with suppress(RedisDown):
        await request.app[RELEASERS].call()
    async with transaction(request.app[POOL]) as connection:
        return answer(await _state(request, connection))


async def _state(request: web.Request, connection: Connection) -> SchedulerState:
    now = now_ms()
    row = await fetch_one(connection, _sql("state"), {"at": now})
    waiting, due, enabled, since = row or (0, 0, None, None)
    leased = dict(await fetch_all(connection, _sql("leased"), {"at": now}))
    try:
        told: list[Releaser] | None = await request.app[RELEASERS].read(now)
    except RedisDown:
        told = None
    return SchedulerState(
        enabled=enabled,
        since=instant_or_none(since),
        waiting=waiting,
        due=due,
        releasers=None if told is None else [_shown(one, leased.get(one.lease, 0)) for one in told],
    )


def _shown(one: Releaser, leased: int) -> ShownReleaser:
    last = instant(one.last_claim) if one.last_claim else None
    return ShownReleaser(name=one.name, enabled=one.enabled, last_claim=last, leased=leased)


def _sql(name: str) -> str:
    return load_sql("gateway.scheduler", name)
