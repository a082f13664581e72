"""The buckets of profiles on a real Redis, with the time passed in."""

from __future__ import annotations

import pytest

from infra.redis.client import Redis
from infra.redis.profile_shares import ProfileShares, ShareAsk

pytestmark = pytest.mark.stack
T0 = 1_800_000_000_000


class At:
    """A clock that is set."""

    now = T0

    def __call__(self) -> int:
        return self.now


async def test_a_bucket_starts_empty_and_gives_its_rate_and_half_a_second_of_it_at_once(redis: Redis, name: str) -> None:
    clock = At()
    shares, taken = ProfileShares(redis, clock), list[int]()
    for _ in range(101):
        taken += await shares.take([ShareAsk(name, "night", 30, 100)])
        clock.now += 50
    assert taken[0] == 0 and 148 <= sum(taken) <= 150
    clock.now += 60_000
    assert await shares.take([ShareAsk(name, "night", 30, 100)]) == [15]


async def test_profiles_and_carriers_have_buckets_of_their_own(redis: Redis, name: str) -> None:
    clock = At()
    shares = ProfileShares(redis, clock)
    asks = [ShareAsk(name, "night", 30, 9), ShareAsk(name, "day", 10, 9), ShareAsk(f"{name}x", "night", 2, 9)]
    await shares.take(asks)
    clock.now += 1000
    assert await shares.take(asks) == [9, 5, 1]
    assert await shares.take(asks) == [6, 0, 0]


async def test_what_is_not_worth_it_stays_in_the_bucket(redis: Redis, name: str) -> None:
    clock = At()
    shares, ask = ProfileShares(redis, clock), ShareAsk(name, "night", 30, 100, 6)
    await shares.take([ask])
    clock.now += 199
    assert await shares.take([ask]) == [0]
    clock.now += 1
    assert await shares.take([ask]) == [6]


async def test_what_was_not_used_comes_back_and_what_was_used_besides_is_paid_off(redis: Redis, name: str) -> None:
    clock = At()
    shares, ask = ProfileShares(redis, clock), ShareAsk(name, "night", 30, 100)
    await shares.take([ask])
    clock.now += 1000
    assert await shares.take([ask]) == [15]
    await shares.give_back(name, {"night": (30, 5)})
    assert await shares.take([ask]) == [5]
    await shares.give_back(name, {"night": (30, -6)})
    clock.now += 200
    assert await shares.take([ask]) == [0], "six are owed, six have come together"
    clock.now += 100
    assert await shares.take([ask]) == [3]


async def test_a_clock_that_steps_back_gives_nothing_twice(redis: Redis, name: str) -> None:
    clock = At()
    shares, ask = ProfileShares(redis, clock), ShareAsk(name, "night", 30, 100)
    await shares.take([ask])
    clock.now += 500
    assert await shares.take([ask]) == [15]
    clock.now -= 400
    assert await shares.take([ask]) == [0]
    clock.now += 400
    assert await shares.take([ask]) == [0]
