"""Room at a carrier is given by turns of the tenants that wait for it, whatever each of them has waiting.

In: rows of several tenants behind one carrier, its room in Redis, a stand-in for dispatch that sends all it has. Out: what
has left the rows, what the releaser wrote to the topic of the carrier.
"""

from __future__ import annotations

from collections import Counter

import pytest

from connectors.releaser.carrier_moves import CarrierMoves
from infra.postgres.config_cache import CarrierRow
from infra.postgres.pool import DatabaseDown
from schemas.records.topics import DISPATCH_SHARED
from schemas.rules.fairness import quantum
from tests.support.waiting_behind import RATE, ROOM, Behind

pytestmark = pytest.mark.stack


class OnceWithoutDatabase(CarrierMoves):
    """Meets PostgreSQL away at its first burst."""

    met = False

    async def turn(self, carrier: CarrierRow, lane: str, reason: str, now: int, *, full: bool = False) -> bool:
        """The first burst raises."""
        if not self.met:
            self.met = True
            raise DatabaseDown("away")
        return await super().turn(carrier, lane, reason, now, full=full)


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
    releaser.rests.end()
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


async def test_with_one_bind_rows_wait_while_they_change_hands_and_go_to_the_process_of_codes(behind: Behind) -> None:
    tenant = behind.tenant(1)
    behind.add(tenant, 4)
    for wish, hand_over in (("binds = 1", "one_process = true"), ("binds = 2", "one_process = false")):
        behind.change(wish)
        assert await behind.serve(await behind.releaser()) == {tenant: 0}
        behind.change(hand_over)
        assert await behind.serve(await behind.releaser()) == {tenant: ROOM}
    assert [len(set(behind.sent(topic))) for topic in (DISPATCH_SHARED, "dispatch-marketing")] == [ROOM, ROOM]
