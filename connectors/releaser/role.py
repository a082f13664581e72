"""The role `releaser`: whatever waits in PostgreSQL goes on when its time has come.

In: the table `held`, the campaigns' state, receipts that are awaited. Out: topics (see release.py, capacity_release.py,
overdue.py, maintenance.py). Operators stop and start all of them (gate.py). Several releasers may run: rows are leased with
SKIP LOCKED. Guarantee: every output is acknowledged before its row is marked; killed anywhere, the lease ends after 30 s
and the row goes again under the same (chunk, send), which everybody recognises. With PostgreSQL away it waits; with Kafka
refusing it ends and comes back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from msgspec.structs import replace

from connectors.releaser.capacity_release import CapacityRelease
from connectors.releaser.carrier_moves import CarrierMoves
from connectors.releaser.first_carrier import FirstCarrier
from connectors.releaser.gate import Gate, tell_of_releaser
from connectors.releaser.leases import RowLeases
from connectors.releaser.maintenance import do_maintenance
from connectors.releaser.overdue import mark_overdue
from connectors.releaser.pace import Pace
from connectors.releaser.release import Release
from connectors.releaser.retries import Retries
from connectors.releaser.rows import HeldRow
from infra.kafka.offsets import end_offsets
from infra.kafka.outbox import Outbox
from infra.postgres.config_cache import ConfigCache
from infra.postgres.pool import DatabaseDown, open_pool
from infra.postgres.wake_ups import WakeUps
from infra.redis.carrier_capacity import CarrierCapacity
from infra.redis.client import connect
from infra.redis.releaser_board import ReleaserBoard, listen
from infra.runtime.clock import GuardedClock
from infra.runtime.role import RoleContext
from infra.security.keyring import load_keyring
from infra.security.sealing import Sealer
from infra.settings.model import SchedulerSettings
from schemas.values.campaign_status import CampaignStatus
from schemas.values.positions import positions_of
from schemas.values.reasons import Reason

WAITING_CHANNEL = "sluice_waiting"
"""Told by triggers when a row of the waiting room is new, or a campaign has changed."""
MAINTENANCE_SECONDS = 1.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bursts:
    """What goes on for another reason than room: one burst a call, True when there was any."""

    leases: RowLeases
    release: Release
    scheduler: SchedulerSettings
    pace: Pace
    now: Callable[[], int]
    open: Callable[[], bool] = lambda: True

    async def campaigns(self) -> bool:
        """Of every campaign that is over or, while anything may go, goes on; several campaigns side by side."""
        ready = await self.leases.query(
            "ready_campaigns", {"now": self.now(), "enough": self.scheduler.batch_size, "open": self.open()}
        )
        slots = asyncio.Semaphore(self.scheduler.max_concurrent)

        async def move(tenant: str, campaign: str, status: str) -> bool:
            async with slots:
                if status == CampaignStatus.RUNNING and not self.open():
                    return False
                if status == CampaignStatus.RUNNING:
                    rows = await self._claim("started", tenant=tenant, campaign=campaign)
                    await self.release.to_intake(rows)
                else:
                    rows = await self._claim("canceled", tenant=tenant, campaign=campaign)
                    await self.release.to_end(rows, Reason.CANCELED)
            return bool(rows)

        return any(await asyncio.gather(*(move(*row) for row in ready)))

    async def canceled(self) -> bool:
        """Of messages that were canceled by themselves; what waits in the same rows stays."""
        found = await self.leases.query("canceled_waiting", {"now": self.now(), "limit": self.scheduler.batch_size})
        if not found:
            return False
        canceled = {(tenant, chunk): positions_of(members) for tenant, chunk, members in found}
        tenants, chunks = (sorted(set(names)) for names in zip(*canceled, strict=True))
        rows = await self._claim("canceled_alone", tenants=tenants, chunks=chunks)
        asked = [replace(row, only=canceled.get((row.tenant, row.chunk), 0)) for row in rows]
        await self.release.to_end([row for row in asked if row.leaving], Reason.CANCELED)
        await self.leases.mark([(row, 0) for row in asked if not row.leaving])
        return bool(rows)

    async def due(self) -> bool:
        """Of what waited for a time; when there was none, the next one will be looked at when it is due."""
        now = self.now()
        ((at,),) = await self.leases.query("next_due", {"now": now, "after": 0})
        if at is not None and at <= now:
            rows = await self._claim("due")
            await self.release.to_intake(rows)
            if rows:
                return True
            now = self.now()
            ((at,),) = await self.leases.query("next_due", {"now": now, "after": now})
        if at is not None:
            self.pace.remind((at - now) / 1000)
        return False

    async def others(self) -> bool:
        """Of what a credit or changed caps allow, of what no stop covers any more, of what a killed releaser was about to
        pass to another carrier, and of what has expired. While nothing waits at all, that alone is asked."""
        if not await self.leases.query("any_waiting", {}):
            return False
        funded = await self._claim("balance")
        await self.release.to_intake(funded)
        uncapped = await self._claim("caps_changed")
        await self.release.to_intake(uncapped)
        unstopped = await self._claim("unstopped")
        await self.release.to_intake(unstopped)
        passed_on = await self._claim("carrier_down")
        await self.release.to_next_carrier(passed_on)
        expired = await self._claim("expired")
        await self.release.to_end(expired, Reason.VALIDITY_ENDED)
        return bool(funded or uncapped or unstopped or passed_on or expired)

    async def _claim(self, condition: str, **params: str | list[str]) -> list[HeldRow]:
        return await self.leases.claim(condition, self.now(), self.scheduler.batch_size, **params)


async def release_to_carriers(room: CapacityRelease, pace: Pace) -> bool:
    """One look at what waits for room. As long as anything does, room may come at any moment, and nobody tells."""
    moved = await room.turn()
    if room.anything_waits:
        pace.quicken()
    return moved


async def _loop(
    role: RoleContext,
    turn: Callable[[], Awaitable[bool]],
    pace: Pace,
    seconds: float,
    may: Callable[[], bool] = lambda: True,
) -> None:
    """Repeat: at once while there is something to do, else after a pause that the stop cuts short; nothing unless it
    `may`."""
    while not role.stop.is_set():
        try:
            if may() and await turn():
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
    cluster = settings.kafka
    outbox = Outbox(cluster, role.instance, linger_ms=2)
    redis_url = settings.redis.url.get_secret_value() if settings.redis.url else ""
    redis = connect(redis_url)
    capacity = CarrierCapacity(redis)
    leases = RowLeases(pool)
    now, pace = GuardedClock().now, Pace(time.monotonic)
    release = Release(leases, outbox, sealer, now)
    first = FirstCarrier(leases, capacity, lambda topic: asyncio.to_thread(end_offsets, cluster, [topic]))
    moves = CarrierMoves(leases, release, capacity, first, config, sealer)
    room = CapacityRelease(leases, release, capacity, config, sealer, moves, now)
    gate = Gate(config, initial=settings.scheduler.enabled, opened=pace.quicken)

    def may() -> bool:
        return gate.open

    bursts = Bursts(leases=leases, release=release, scheduler=settings.scheduler, pace=pace, now=now, open=may)
    board, often = ReleaserBoard(redis), settings.scheduler.interval

    async def maintain() -> bool:
        await tell_of_releaser(board, role.instance, gate, leases, time.time_ns() // 1_000_000)
        await do_maintenance(leases, outbox, now)
        return False

    def told() -> None:
        room.rests.end()
        pace.quicken()

    listening = [
        asyncio.create_task(WakeUps(database, WAITING_CHANNEL, told).listen(), name="wake-ups"),
        asyncio.create_task(listen(redis_url, gate.look_now), name="scheduler-words"),
    ]
    role.ready()
    async with asyncio.TaskGroup() as tasks:
        # What was canceled ends also while nothing may go.
        tasks.create_task(_loop(role, bursts.campaigns, pace, often))
        tasks.create_task(_loop(role, bursts.canceled, pace, often))
        tasks.create_task(_loop(role, bursts.due, pace, often, may))
        tasks.create_task(_loop(role, bursts.others, pace, 5 * often, may))
        tasks.create_task(_loop(role, Retries(leases, outbox, sealer, now).turn, pace, 5 * often, may))
        tasks.create_task(_loop(role, lambda: release_to_carriers(room, pace), pace, often, may))
        tasks.create_task(_loop(role, maintain, pace, MAINTENANCE_SECONDS))
        tasks.create_task(_loop(role, lambda: mark_overdue(leases, outbox, now), pace, MAINTENANCE_SECONDS))
        await role.stop.wait()
        pace.end()
    for task in listening:
        task.cancel()
    await config.stop()
    await redis.close()
    await outbox.close()
    await pool.close()
