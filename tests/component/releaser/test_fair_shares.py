"""Room at a carrier is given by turns of the tenants that wait for it, whatever each of them has waiting.

In: rows of several tenants behind one carrier, its room in Redis, a stand-in for dispatch that sends all it has. Out: what
has left the rows, what the releaser wrote to the topic of the carrier.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from connectors.releaser.capacity_release import CapacityRelease
from connectors.releaser.carrier_moves import CarrierMoves
from connectors.releaser.first_carrier import FirstCarrier
from connectors.releaser.leases import RowLeases
from connectors.releaser.release import Release
from connectors.sinks.held import HeldSink
from connectors.sinks.ingest import IngestSink
from infra.kafka.offsets import Places
from infra.kafka.outbox import Outbox
from infra.postgres.config_cache import CarrierRow, ConfigCache
from infra.postgres.pool import DatabaseDown, Pool, open_pool
from infra.redis.carrier_capacity import CarrierCapacity
from infra.redis.client import Redis, connect
from infra.services.stack import Stack
from schemas.records.wire import Envelope
from schemas.rules.fairness import quantum
from tests.support.database import add_tenant
from tests.support.log_records import KEYRING, NOW, SEALER, an_envelope, held
from tests.support.releaser_rows import apply_records, execute, rows
from tests.support.topic_reader import records_of

pytestmark = pytest.mark.stack

LANE = "marketing"
RATE = 80
ROOM = RATE // 2
SIZE = 40
ADD_CARRIER = (
    "INSERT INTO carriers (id, number, kind, rate, window_size, binds, receipt_wait_seconds, partition) "
    "VALUES (%s, 9, 'smpp', %s, 1, 2, 60, 0)"
)
PUT_CAMPAIGN = (
    "INSERT INTO campaigns (tenant, id, name, sender, body, lane, validity_seconds, status, version, published, grouping, "
    "digest, answer, created_at) VALUES (%s, %s, 'n', 'ACME', 'Hi', 'marketing', 60, %s, 2, 2, 7, '', '{}', 1) "
    "ON CONFLICT (tenant, id) DO UPDATE SET status = excluded.status"
)
WAITING = "SELECT tenant::text, sum(segments_total) FROM held WHERE carrier = %s GROUP BY tenant"


class OnceWithoutDatabase(CarrierMoves):
    """Meets PostgreSQL away at its first burst."""

    met = False

    async def turn(self, carrier: CarrierRow, lane: str, reason: str, now: int, *, full: bool = False) -> bool:
        """The first burst raises."""
        if not self.met:
            self.met = True
            raise DatabaseDown("away")
        return await super().turn(carrier, lane, reason, now, full=full)


class Behind:
    """One carrier, and rows of several tenants that wait behind it."""

    def __init__(self, kafka: str, database: str, pool: Pool, outbox: Outbox, redis: Redis) -> None:
        self._redis, capacity = redis, CarrierCapacity(redis)
        self.carrier = f"c-{secrets.token_hex(6)}"
        self._kafka, self._database, self._pool, self._outbox, self._capacity = kafka, database, pool, outbox, capacity
        self._rows = 0
        execute(database, ADD_CARRIER, self.carrier, RATE)

    def tenant(self, number: int, *, weight: int = 1) -> str:
        """A tenant; higher numbers are later in every index."""
        tenant = f"{number:08d}-0000-4000-8000-000000000000"
        add_tenant(self._database, tenant, reserved=1_000_000)
        execute(self._database, "UPDATE tenants SET weight = %s WHERE id = %s", weight, tenant)
        return tenant

    def add(self, tenant: str, count: int, *, segments: int = 1, campaign: str | None = None) -> None:
        """So many chunks, the oldest first."""
        whole = {"tenant": tenant, "campaign": campaign, "size": SIZE}
        waiting = {**whole, "sealed": b"", "carrier": self.carrier, "segments": bytes([segments]) * SIZE}
        chunks = {f"chk_{secrets.token_hex(8)}": NOW + self._rows + n for n in range(count)}
        self._rows += count
        apply_records(self._database, *(an_envelope(chunk=chunk, **whole) for chunk in chunks), sink=IngestSink(SEALER))
        apply_records(
            self._database, *(held(of={**waiting, "chunk": c}, at=at) for c, at in chunks.items()), sink=HeldSink()
        )

    def campaign(self, tenant: str, campaign: str, status: str) -> None:
        """It is in this state, and every role knows."""
        execute(self._database, PUT_CAMPAIGN, tenant, campaign, status)

    async def is_said_to_wait(self) -> bool:
        """Whether intake is told that work waits for this carrier."""
        return (await self._capacity.are_waiting([(self.carrier, LANE)])) == [True]

    async def forget_who_waits(self) -> None:
        """As after a second in which nobody says that work waits."""
        await self._redis.command("DEL", f"waiting:{self.carrier}:{LANE}")

    async def releaser(self, moves_by: type[CarrierMoves] = CarrierMoves) -> CapacityRelease:
        """One that has given nothing yet."""
        config, leases = ConfigCache(self._pool, KEYRING), RowLeases(self._pool)
        await config.refresh()
        release = Release(leases, self._outbox, SEALER, _now)
        first = FirstCarrier(leases, self._capacity, _no_ends)
        moves = moves_by(leases, release, self._capacity, first, config, SEALER)
        looks = itertools.count(1.0)  # a second at each look: tenants are listed anew with each turn
        return CapacityRelease(leases, release, self._capacity, config, SEALER, moves, _now, clock=lambda: next(looks))

    async def serve(self, *releasers: CapacityRelease, rooms: int = 1) -> Counter[str]:
        """The carrier takes so many rooms, one after the other; what each tenant had of them, in segments."""
        before = self._waiting()
        for _ in range(rooms):
            while any(await asyncio.gather(*(one.turn() for one in releasers))):
                pass
            chunks = rows(self._database, "SELECT chunk FROM held WHERE carrier = %s", self.carrier)
            await self._capacity.remove(self.carrier, LANE, [(chunk, 1) for (chunk,) in chunks])
        return Counter({tenant: had - self._waiting()[tenant] for tenant, had in before.items()})

    def sent(self) -> list[tuple[str, int]]:
        """Every message that went to the carrier's dispatch."""
        slices = [one for e in records_of(self._kafka, f"dispatch-{LANE}", Envelope) for one in e.slices]
        return [
            (one.chunk, position)
            for one in slices
            if one.carrier == self.carrier
            for position in range(SIZE)
            if one.positions >> position & 1
        ]

    def _waiting(self) -> dict[str, int]:
        return dict(rows(self._database, WAITING, self.carrier))


@pytest.fixture
async def behind(services: Stack, patient_redis: None, database: str, outbox: Outbox) -> AsyncIterator[Behind]:
    redis, pool = connect(services.redis), await open_pool(database, size=4)
    yield Behind(services.kafka, database, pool, outbox, redis)
    await redis.close()
    await pool.close()


async def test_a_small_tenant_has_half_of_the_room_behind_a_large_one(behind: Behind) -> None:
    large, small = behind.tenant(1), behind.tenant(2)
    behind.add(large, 20)
    behind.add(small, 1)
    assert await behind.serve(await behind.releaser()) == {large: ROOM // 2, small: ROOM // 2}


async def test_who_comes_later_has_its_share_from_then_on_and_no_more(behind: Behind) -> None:
    large, small = behind.tenant(1), behind.tenant(2)
    behind.add(large, 20)
    releaser = await behind.releaser()
    assert await behind.serve(releaser, rooms=5) == {large: 5 * ROOM}
    behind.add(small, 5)
    assert await behind.serve(releaser, rooms=4) == {large: 2 * ROOM, small: 2 * ROOM}


async def test_shares_follow_weights(behind: Behind) -> None:
    heavy, light = behind.tenant(1, weight=3), behind.tenant(2)
    behind.add(heavy, 30)
    behind.add(light, 30)
    served = await behind.serve(await behind.releaser(), rooms=20)
    assert abs(served[heavy] / served.total() - 0.75) <= 0.02


async def test_twenty_tenants_have_the_same_in_each_window_of_twenty_quanta(behind: Behind) -> None:
    tenants = [behind.tenant(number) for number in range(1, 21)]
    behind.add(tenants[7], 100)
    for tenant in tenants:
        behind.add(tenant, 1)
    releaser = await behind.releaser()
    for _ in range(6):
        served = await behind.serve(releaser)  # a room is half a second of the rate, twenty quanta at least
        assert 20 * quantum(RATE, 20) <= ROOM
        assert set(served.values()) == {ROOM // 20} and len(served) == 20


async def test_a_tenant_whose_rows_may_not_go_holds_nobody_up(behind: Behind) -> None:
    idle, other = behind.tenant(1), behind.tenant(2)
    behind.add(idle, 3, campaign="cmp_that_does_not_run")
    behind.add(other, 3)
    assert await behind.serve(await behind.releaser(), rooms=2) == {idle: 0, other: 2 * ROOM}


async def test_where_nothing_may_go_a_turn_says_so(behind: Behind) -> None:
    """Else the releaser would look again at once, for as long as a campaign is paused."""
    for number in (1, 2):
        behind.add(behind.tenant(number), 1, campaign="cmp_that_does_not_run")
    releaser = await behind.releaser()
    assert [await releaser.turn() for _ in range(3)] == [False] * 3


async def test_nobody_queues_behind_what_may_not_go_until_it_may(behind: Behind) -> None:
    """Else intake would pass over a carrier for as long as a paused campaign waits for room there."""
    tenant = behind.tenant(1)
    behind.add(tenant, 1, campaign="cmp_paused")
    behind.campaign(tenant, "cmp_paused", "paused")
    releaser = await behind.releaser()
    assert not await releaser.turn()
    await behind.forget_who_waits()
    assert not await releaser.turn()
    assert not await behind.is_said_to_wait() and not releaser.anything_waits
    behind.campaign(tenant, "cmp_paused", "running")
    releaser.end_rests()
    assert await behind.serve(releaser) == {tenant: ROOM}
    assert await behind.is_said_to_wait()


async def test_a_move_that_met_postgresql_away_is_told_once(behind: Behind) -> None:
    """Else nothing that waits there would ever go again, however long PostgreSQL is back."""
    tenant = behind.tenant(1)
    behind.add(tenant, 3)
    releaser = await behind.releaser(OnceWithoutDatabase)
    assert await releaser.turn()
    with pytest.raises(DatabaseDown):
        await releaser.turn()
    assert await behind.serve(releaser, rooms=2) == {tenant: ROOM}  # the first room is full already


async def test_a_move_that_failed_is_told_where_nothing_waits_any_more(behind: Behind) -> None:
    behind.add(behind.tenant(1), 1)
    releaser = await behind.releaser(OnceWithoutDatabase)
    assert await releaser.turn()  # all of it has gone
    with pytest.raises(DatabaseDown):
        await releaser.turn()
    assert not await releaser.turn()


async def test_short_messages_do_not_keep_a_long_one_out(behind: Behind) -> None:
    long, short = behind.tenant(1), behind.tenant(2)
    behind.add(short, 10)
    behind.add(long, 1, segments=ROOM // 2 + 1)
    served = await behind.serve(await behind.releaser(), rooms=8)
    assert served[long] >= 3 * (ROOM // 2 + 1) and served[short] >= 3 * ROOM


async def test_two_releasers_share_out_alike_and_nothing_twice(behind: Behind) -> None:
    large, small = behind.tenant(1), behind.tenant(2)
    behind.add(large, 20)
    behind.add(small, 4)
    served = await behind.serve(await behind.releaser(), await behind.releaser(), rooms=6)
    sent = behind.sent()
    assert len(sent) == len(set(sent)) == served.total()
    assert abs(served[small] / served.total() - 0.5) <= 0.1


async def test_a_releaser_that_takes_over_serves_everybody(behind: Behind) -> None:
    tenants = [behind.tenant(1), behind.tenant(2)]
    for tenant in tenants:
        behind.add(tenant, 20)
    served: Counter[str] = Counter()
    for _ in range(8):  # each one dies after a room, and what it knew of the past with it
        served += await behind.serve(await behind.releaser())
    assert set(served.values()) == {4 * ROOM}


async def _no_ends(topic: str) -> Places:
    return {}


def _now() -> int:
    return NOW + 60_000
