"""What is sent under a profile keeps to its share of a carrier's rate, and is in nobody's way.

In: rows behind one carrier, some of them under a profile with a share; a clock that is set. Out: what left the rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from infra.kafka.outbox import DeliveryError, Outbox
from infra.postgres.admin_store import open_admin_store
from infra.postgres.pool import open_pool
from infra.redis.client import connect
from infra.redis.profile_shares import ProfileShares, ShareAsk
from infra.services.stack import Stack
from schemas.values.profile import Profile
from tests.support.releaser_rows import execute, rows
from tests.support.waiting_behind import RATE, ROOM, SIZE, Behind

pytestmark = pytest.mark.stack

SHARE = 0.25
HELD = int(RATE * SHARE * 0.5)
"""Half a second of the share: what its bucket holds, and what passes in a room's time."""
LEFT = "SELECT reason, profile, sum(segments_total) FROM held WHERE waiting > 0 GROUP BY 1, 2 ORDER BY 1, 2"


class DeadOutbox:
    """Whoever uses it dies before Kafka has anything."""

    def send(self, *_record: object) -> asyncio.Future[int]:
        """The end."""
        raise DeliveryError("the process was killed")


class Shared(Behind):
    """With a clock for the buckets."""

    now_ms = 1_800_000_000_000


@pytest.fixture
async def behind(services: Stack, patient_redis: None, database: str, outbox: Outbox) -> AsyncIterator[Shared]:
    redis, pool = connect(services.redis), await open_pool(database, size=4)
    made = Shared(services.kafka, database, pool, outbox, redis)
    capacity = made.capacity
    capacity.shares = ProfileShares(redis, lambda: made.now_ms)
    with open_admin_store(database) as store:
        for name in ("night", "day"):
            store.profiles.seed(Profile(name=name, share=SHARE))
            await capacity.shares.take([ShareAsk(made.carrier, name, RATE * SHARE, 0)])
    yield made
    await redis.close()
    await pool.close()


async def test_a_campaign_under_a_profile_has_its_share_and_others_the_rest(behind: Shared) -> None:
    limited, free = behind.tenant(1), behind.tenant(2)
    behind.add(limited, 10, profile="night", reason="share")
    behind.add(free, 20)
    releaser, served = await behind.releaser(), {limited: 0, free: 0}
    for _ in range(8):  # four seconds of the carrier
        behind.now_ms += 500
        for tenant, segments in (await behind.serve(releaser)).items():
            served[tenant] += segments
    assert served == {limited: 8 * HELD, free: 8 * (ROOM - HELD)}


async def test_it_has_no_more_where_nobody_else_wants_the_room(behind: Shared) -> None:
    tenant = behind.tenant(1)
    behind.add(tenant, 10, profile="night", reason="share")
    releaser = await behind.releaser()
    assert await behind.serve(releaser, rooms=3) == {tenant: 0}
    behind.now_ms += 3_600_000
    assert await behind.serve(releaser, rooms=3) == {tenant: HELD}, "an hour of rest is no claim"


async def test_a_tenants_other_campaigns_do_not_stand_behind_it(behind: Shared) -> None:
    tenant = behind.tenant(1)
    behind.add(tenant, 70, profile="night", reason="share")  # more than a claim takes, and older
    behind.add(tenant, 5)
    behind.now_ms += 500
    await behind.serve(await behind.releaser())
    assert rows(behind.database, LEFT) == [("room", "", 5 * SIZE - (ROOM - HELD)), ("share", "night", 70 * SIZE - HELD)]


async def test_two_profiles_of_a_tenant_have_a_share_each(behind: Shared) -> None:
    tenant = behind.tenant(1)
    behind.add(tenant, 3, profile="night", reason="share")
    behind.add(tenant, 3, profile="day", reason="share")
    behind.now_ms += 500
    assert await behind.serve(await behind.releaser()) == {tenant: 2 * HELD}
    left = 3 * SIZE - HELD
    assert rows(behind.database, LEFT) == [("share", "day", left), ("share", "night", left)]


async def test_two_releasers_give_the_share_once(behind: Shared) -> None:
    tenant = behind.tenant(1)
    behind.add(tenant, 10, profile="night", reason="share")
    releasers, served = (await behind.releaser(), await behind.releaser()), 0
    for _ in range(6):
        behind.now_ms += 500
        served += (await behind.serve(*releasers))[tenant]
    sent = behind.sent()
    assert len(sent) == len(set(sent)) == served and 5 * HELD <= served <= 6 * HELD


async def test_a_message_longer_than_what_has_come_together_goes_and_is_paid_off(behind: Shared) -> None:
    tenant = behind.tenant(1)
    behind.add(tenant, 2, profile="night", reason="share", segments=HELD + 5)
    releaser, served = await behind.releaser(), []
    for _ in range(6):
        behind.now_ms += 500
        served.append((await behind.serve(releaser))[tenant])
    assert set(served) == {0, HELD + 5} and 5 * HELD <= sum(served) <= 7 * HELD


async def test_what_waited_for_room_waits_for_its_share_from_the_next_look_on(behind: Shared) -> None:
    """Its profile got a share meanwhile, or dispatch gave it back."""
    tenant = behind.tenant(1)
    behind.add(tenant, 2, profile="night")
    behind.add(tenant, 1)
    releaser = await behind.releaser()
    assert await behind.serve(releaser) == {tenant: SIZE}
    assert rows(behind.database, LEFT) == [("share", "night", 2 * SIZE)]
    behind.now_ms += 500
    assert await behind.serve(releaser) == {tenant: HELD}


@pytest.mark.parametrize(
    "change", ["UPDATE profiles SET share = NULL", "UPDATE profiles SET share = 1", "DELETE FROM profiles"]
)
async def test_without_a_share_what_waited_for_it_goes_as_all_do(behind: Shared, change: str) -> None:
    tenant = behind.tenant(1)
    behind.add(tenant, 5, profile="night", reason="share")
    execute(behind.database, change)
    assert await behind.serve(await behind.releaser(), rooms=2) == {tenant: 2 * ROOM}


async def test_who_waits_for_a_share_alone_makes_nobody_queue(behind: Shared) -> None:
    behind.add(behind.tenant(1), 2, profile="night", reason="share")
    await (await behind.releaser()).turn()
    assert not await behind.is_said_to_wait()
    behind.add(behind.tenant(2), 2)
    await (await behind.releaser()).turn()
    assert await behind.is_said_to_wait()


async def test_a_releaser_killed_with_a_share_in_its_hand_wastes_that_and_no_more(behind: Shared) -> None:
    tenant = behind.tenant(1)
    behind.add(tenant, 4, profile="night", reason="share")
    behind.now_ms += 500
    alive, behind.outbox = behind.outbox, DeadOutbox()  # type: ignore[assignment]
    with pytest.raises(DeliveryError):
        await (await behind.releaser()).turn()
    behind.outbox = alive
    served = []
    for _ in range(4):
        served.append((await behind.serve(await behind.releaser()))[tenant])
        behind.now_ms += 500
    assert served == [0, HELD, HELD, HELD]
    sent = behind.sent()
    assert len(sent) == len(set(sent)) == 3 * HELD
