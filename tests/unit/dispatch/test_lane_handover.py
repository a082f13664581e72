"""Marketing changes hands when nothing of it is left where it was, and not a moment before."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from connectors.dispatch.lane_handover import WAIT_MS, LaneHandover
from connectors.dispatch.log_recovery import Recovered
from connectors.dispatch.offset_tracker import OffsetTracker
from connectors.dispatch.owned_partition import OwnedPartition
from infra.kafka.client import KafkaException
from infra.kafka.records import PartitionKey
from infra.postgres.config_cache import CarrierRow
from infra.postgres.pool import DatabaseDown
from schemas.values.lanes import Lane, Pool
from tests.support.dispatch.harness import NOW, Log
from tests.support.dispatch.records import SEALER

ROW = CarrierRow(
    id="acme",
    number=1,
    kind="smpp",
    rate=100,
    window=10,
    binds=1,
    receipt_wait_seconds=60,
    one_receipt_for_all_parts=False,
    partition=3,
    one_process=False,
    binds_turned=1,
    settings={},
    password="",
)
OLD, SHARED = ("dispatch-marketing", 3), ("dispatch-shared", 3)


@dataclass
class World:
    """Kafka, Redis and PostgreSQL, as a handover sees them."""

    pool: Pool = Pool.BULK
    now: int = NOW
    ends: dict[PartitionKey, int] = field(default_factory=lambda: {OLD: 5, SHARED: 5})
    redis_knows: bool = True
    away: list[Exception] = field(default_factory=list)
    turned: list[tuple[str, int]] = field(default_factory=list)
    owned: dict[PartitionKey, OwnedPartition] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.handover = LaneHandover(self.pool, self.turn_row, self.owned, self.end_of, self.flushed, lambda: self.now)

    def own(self, place: PartitionKey, read_to: int) -> OwnedPartition:
        """This partition is ours, read so far."""
        log: Any = Log()
        offsets = OffsetTracker(read_to)
        self.owned[place] = OwnedPartition(
            Lane.MARKETING, 3, log, offsets, Recovered(), SEALER, lambda _key, _positions: None, lambda: self.now
        )
        return self.owned[place]

    async def turn_row(self, carrier: str, turned: int) -> bool:
        self.turned.append((carrier, turned))
        return True

    async def end_of(self, place: PartitionKey) -> int:
        if self.away:
            raise self.away.pop()
        return self.ends[place]

    async def flushed(self) -> bool:
        return self.redis_knows

    async def look(self, row: CarrierRow = ROW, later: int = 0) -> list[tuple[str, int]]:
        """One look, so many milliseconds later; the rows that were turned by now."""
        self.now += later
        await self.handover.turn({"acme": row})
        return self.turned


async def test_it_is_over_once_all_is_read_and_done() -> None:
    world = World()
    world.own(OLD, read_to=5)
    assert await world.look() == [] and await world.look(later=WAIT_MS - 1) == []
    assert await world.look(later=1) == [("acme", 1)]


async def test_records_that_came_while_others_read_the_new_row_are_waited_for() -> None:
    world = World()
    owned = world.own(OLD, read_to=5)
    await world.look()
    world.ends[OLD] = 7
    assert await world.look(later=WAIT_MS) == []
    owned.offsets.track(5, 0)
    world.ends[OLD] = 100  # of other carriers, which come for ever
    assert await world.look(later=1000) == []
    owned.offsets.track(6, 0)
    assert await world.look(later=1000) == [("acme", 1)]


async def test_messages_of_the_carrier_that_are_not_done_hold_it_back_and_those_of_others_do_not() -> None:
    world = World()
    owned = world.own(OLD, read_to=5)
    owned.note_open("other", 7)
    owned.note_open("acme", 1)
    await world.look()
    assert await world.look(later=WAIT_MS) == []
    owned.note_open("acme", -1)
    assert await world.look(later=1000) == [("acme", 1)]


async def test_redis_must_know_what_was_settled() -> None:
    world = World(redis_knows=False)
    world.own(OLD, read_to=5)
    await world.look()
    assert await world.look(later=WAIT_MS) == []
    world.redis_knows = True
    assert await world.look(later=1000) == [("acme", 1)]


@pytest.mark.parametrize("fault", [KafkaException("away"), DatabaseDown("away"), TimeoutError()])
async def test_what_is_away_is_waited_for(fault: Exception) -> None:
    world = World(away=[fault])
    world.own(OLD, read_to=5)
    await world.look()
    assert await world.look(later=WAIT_MS) == []
    assert await world.look(later=1000) == [("acme", 1)]


async def test_a_wish_that_changed_twice_begins_anew() -> None:
    world = World()
    world.own(OLD, read_to=5)
    await world.look()
    again = replace(ROW, binds_turned=3)  # two binds for a moment that nobody here saw: somebody wrote meanwhile
    assert await world.look(again, later=WAIT_MS) == []
    world.ends[OLD] = 6
    assert await world.look(again, later=WAIT_MS) == []
    world.owned[OLD].offsets.track(5, 0)
    assert await world.look(again, later=1000) == [("acme", 3)]


@pytest.mark.parametrize(
    ("pool", "binds", "one_process", "place"),
    [(Pool.OTP, 1, False, OLD), (Pool.BULK, 2, True, SHARED), (Pool.BULK, 2, False, OLD), (Pool.OTP, 1, True, SHARED)],
)
async def test_only_the_pool_that_gives_up_turns_the_row(
    pool: Pool, binds: int, one_process: bool, place: PartitionKey
) -> None:
    world, row = World(pool=pool), replace(ROW, binds=binds, one_process=one_process)
    world.own(place, read_to=5)
    await world.look(row)
    assert await world.look(row, later=WAIT_MS) == []


async def test_the_way_back_is_the_same() -> None:
    world, row = World(pool=Pool.OTP), replace(ROW, binds=2, one_process=True, binds_turned=2)
    await world.look(row)
    assert await world.look(row, later=WAIT_MS) == [], "another process has the partition"
    world.own(SHARED, read_to=5)
    assert await world.look(row, later=1000) == [("acme", 2)]


async def test_an_owner_that_was_replaced_says_nothing() -> None:
    world = World()
    world.own(OLD, read_to=5).close()
    await world.look()
    assert await world.look(later=WAIT_MS) == []
