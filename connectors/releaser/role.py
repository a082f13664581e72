"""The role `releaser`: whatever waits in PostgreSQL goes on when its time has come.

In: the table `held`, the campaigns' state, receipts that are awaited. Out: topics (see release.py, capacity_release.py,
overdue.py, maintenance.py). Several releasers may run: rows are leased with SKIP LOCKED. Guarantee: every output is
acknowledged before its row is marked; killed anywhere, the lease ends after 30 s and the row goes again under the same
(chunk, send), which everybody recognises. With PostgreSQL away it waits; with Kafka refusing it ends and comes back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from connectors.releaser.capacity_release import CapacityRelease
from connectors.releaser.leases import RowLeases
from connectors.releaser.maintenance import do_maintenance
from connectors.releaser.overdue import mark_overdue
from connectors.releaser.pace import Pace
from connectors.releaser.release import Release
from infra.kafka.outbox import Outbox
from infra.postgres.config_cache import ConfigCache
from infra.postgres.pool import DatabaseDown, open_pool
from infra.postgres.wake_ups import WakeUps
from infra.redis.carrier_capacity import CarrierCapacity
from infra.redis.client import connect
from infra.runtime.role import RoleContext
from infra.security.keyring import load_keyring
from infra.security.sealing import Sealer
from schemas.records.slice import ResumeAt
from schemas.values.campaign_status import CampaignStatus
from schemas.values.reasons import Reason

BATCH_ROWS = 64
LIVELY_PAUSE = 0.1
WAITING_CHANNEL = "sluice_waiting"
"""Told by triggers when a row of the waiting room is new, or a campaign has changed."""
MAINTENANCE_SECONDS = 1.0
log = structlog.get_logger()


def _now() -> int:
    return time.time_ns() // 1_000_000


async def release_campaigns(leases: RowLeases, release: Release) -> bool:
    """One burst of every campaign that may go on or is over; True when there was one."""
    moved = False
    for tenant, campaign, status in await leases.query("ready_campaigns", {"now": _now(), "enough": BATCH_ROWS}):
        condition = "started" if status == CampaignStatus.RUNNING else "canceled"
        rows = await leases.claim(condition, _now(), BATCH_ROWS, tenant=tenant, campaign=campaign)
        moved |= bool(rows)
        if status == CampaignStatus.RUNNING:
            await release.to_intake(rows, ResumeAt.PARTITION)
        else:
            await release.to_end(rows, Reason.CANCELED)
    return moved


async def release_others(leases: RowLeases, release: Release) -> bool:
    """One burst of what a credit allows, one of what has expired; True when there was any."""
    funded = await leases.claim("balance", _now(), BATCH_ROWS)
    await release.to_intake(funded, ResumeAt.ROUTE)
    expired = await leases.claim("expired", _now(), BATCH_ROWS)
    await release.to_end(expired, Reason.VALIDITY_ENDED)
    return bool(funded or expired)


async def release_to_carriers(room: CapacityRelease, pace: Pace) -> bool:
    """One look at what waits for room. As long as anything does, room may come at any moment, and nobody tells."""
    moved = await room.turn()
    if room.anything_waits:
        pace.quicken()
    return moved


async def _loop(role: RoleContext, turn: Callable[[], Awaitable[bool]], pace: Pace, seconds: float) -> None:
    """Repeat: at once while there is something to do, else after a pause that the stop cuts short."""
    while not role.stop.is_set():
        try:
            if await turn():
                pace.quicken()
                continue
        except DatabaseDown as fault:
            log.warning("PostgreSQL is away; trying again", action="database_down", fault=str(fault))
            pace.quicken()
        await pace.pause(seconds)


async def run(role: RoleContext) -> None:
    """The role: until `role.stop`."""
    settings = role.settings
    sealer_keys = load_keyring(settings.keyring_path)
    sealer = Sealer(sealer_keys)
    database = settings.postgres.url.get_secret_value() if settings.postgres.url else ""
    pool = await open_pool(database, size=6)
    config = ConfigCache(pool, sealer_keys)
    await config.start()
    outbox = Outbox(settings.kafka.bootstrap or "", role.instance, linger_ms=2)
    capacity = CarrierCapacity(connect(settings.redis.url.get_secret_value() if settings.redis.url else ""))
    leases = RowLeases(pool)
    release = Release(leases, outbox, sealer, _now)
    room = CapacityRelease(leases, release, capacity, config, sealer, _now)

    async def maintain() -> bool:
        await do_maintenance(leases, outbox, _now)
        return False

    pace = Pace(time.monotonic)
    listening = asyncio.create_task(WakeUps(database, WAITING_CHANNEL, pace.quicken).listen(), name="wake-ups")
    role.ready()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_loop(role, lambda: release_campaigns(leases, release), pace, LIVELY_PAUSE))
        tasks.create_task(_loop(role, lambda: release_others(leases, release), pace, 5 * LIVELY_PAUSE))
        tasks.create_task(_loop(role, lambda: release_to_carriers(room, pace), pace, LIVELY_PAUSE))
        tasks.create_task(_loop(role, maintain, pace, MAINTENANCE_SECONDS))
        tasks.create_task(_loop(role, lambda: mark_overdue(leases, outbox, _now), pace, MAINTENANCE_SECONDS))
        await role.stop.wait()
        pace.end()
    listening.cancel()
    await config.stop()
    await outbox.close()
    await pool.close()
