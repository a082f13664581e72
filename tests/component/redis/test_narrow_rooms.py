"""Rooms of senders and networks beside their carrier's, on a real Redis, with the time passed in."""

from __future__ import annotations

import pytest

from infra.redis.carrier_capacity import LIFE_MS, CapacityRequest, CarrierCapacity
from infra.redis.client import Redis
from schemas.values.lanes import Lane

pytestmark = pytest.mark.stack
T0 = 1_800_000_000_000
LANE = Lane.MARKETING
SHOP = (LANE, "s:SHOP")


def ask(carrier: str, chunk: str, cost: int, *, bucket: str = "s:SHOP", rate: float = 8) -> CapacityRequest:
    return CapacityRequest(
        carrier=carrier, lane=LANE, chunk=chunk, send=1, cost=cost, rate=rate, bucket=bucket, further=True
    )


async def test_each_bucket_has_half_a_second_of_its_own_rate(redis: Redis, name: str) -> None:
    asked = [ask(name, "a", 9), ask(name, "a", 9, bucket="n:49", rate=0.2), ask(name, "a", 9, bucket="", rate=100)]
    assert await CarrierCapacity(redis).ask([*asked, ask(name, "b", 9)], T0) == [4, 1, 9, 0]


async def test_what_dispatch_has_sent_is_free_again_and_what_waits_is_not(redis: Redis, name: str) -> None:
    capacity = CarrierCapacity(redis)
    await capacity.ask([ask(name, "a", 3), ask(name, "b", 1)], T0)
    await capacity.renew_narrow(name, {SHOP: {("a", 1): 0, ("b", 1): 1}}, T0)
    assert await capacity.ask([ask(name, "c", 9)], T0) == [3]


async def test_what_is_not_used_is_given_back(redis: Redis, name: str) -> None:
    capacity = CarrierCapacity(redis)
    await capacity.ask([ask(name, "a", 2), ask(name, "b", 2)], T0)
    await capacity.give_back(name, LANE, [("s:SHOP", "a", 1, 1), ("s:SHOP", "b", 1, 5), ("n:49", "a", 1, 3)])
    assert await capacity.ask([ask(name, "c", 9)], T0) == [3], "one of a waits"
    assert await capacity.ask([ask(name, "c", 9, bucket="n:49")], T0) == [4]


async def test_what_never_came_to_dispatch_ends_while_dispatch_lives(redis: Redis, name: str) -> None:
    """Killed between room and record: nobody knows of this bucket, but that dispatch is there."""
    capacity = CarrierCapacity(redis)
    await capacity.ask([ask(name, "lost", 4)], T0)
    assert await capacity.ask([ask(name, "a", 4)], T0 + LIFE_MS + 1) == [0], "dispatch was not seen"
    await capacity.renew(name, LANE, {}, T0 + LIFE_MS + 2)
    assert await capacity.ask([ask(name, "a", 4)], T0 + LIFE_MS + 3) == [4]
