"""The token bucket on a real Redis, with the time passed in."""

from __future__ import annotations

import random

import pytest

from connectors.dispatch.pacing import Pacer
from infra.redis.client import Redis
from infra.redis.tokens import Tokens, largest_lease, rate_without_redis

pytestmark = pytest.mark.stack
T0 = 1_800_000_000_000


async def test_a_new_bucket_starts_empty(redis: Redis, name: str) -> None:
    assert await Tokens(redis).lease(name, "otp", 5, 100, "a", T0) == 0


async def test_no_second_is_over_the_rate_by_more_than_one_lease(redis: Redis, name: str) -> None:
    tokens, rate, chance = Tokens(redis), 100, random.Random(7)
    grants, now = [], float(T0)
    for n in range(600):
        now += chance.choice([1, 3, 10, 30, 200]) if n % 50 else 2000
        grants.append((now, await tokens.lease(name, "otp", largest_lease(rate), rate, f"r{n}", int(now))))
    seconds = [sum(g for at, g in grants if start <= at < start + 1000) for start, _ in grants]
    assert max(seconds) <= rate + largest_lease(rate)
    assert max(seconds) >= rate // 2


async def test_a_steady_taker_gets_the_whole_rate(redis: Redis, name: str) -> None:
    tokens = Tokens(redis)
    granted = [await tokens.lease(name, "otp", 5, 100, f"r{n}", T0 + 20 * n) for n in range(101)]
    assert 198 <= sum(granted) <= 200


async def test_a_slow_carrier_gets_one_token_at_a_time(redis: Redis, name: str) -> None:
    tokens = Tokens(redis)
    granted = [await tokens.lease(name, "otp", 1, 1, f"r{n}", T0 + 250 * n) for n in range(13)]
    assert granted == [0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]


async def test_a_request_is_granted_once(redis: Redis, name: str) -> None:
    tokens = Tokens(redis)
    await tokens.lease(name, "otp", 1, 100, "start", T0)
    assert await tokens.lease(name, "otp", 3, 100, "same", T0 + 1000) == 3
    assert await tokens.lease(name, "otp", 3, 100, "same", T0 + 1000) == 3
    assert await tokens.lease(name, "otp", 5, 100, "other", T0 + 1000) == 2


async def test_marketing_leaves_a_tenth(redis: Redis, name: str) -> None:
    tokens = Tokens(redis)
    await tokens.lease(name, "marketing", 1, 1000, "start", T0)
    assert await tokens.lease(name, "marketing", 50, 1000, "m", T0 + 1000) == 45
    assert await tokens.lease(name, "otp", 50, 1000, "o", T0 + 1000) == 5


async def test_time_that_steps_back_grants_nothing_and_stops_nothing(redis: Redis, name: str) -> None:
    tokens = Tokens(redis)
    await tokens.lease(name, "otp", 1, 100, "start", T0)
    assert await tokens.lease(name, "otp", 5, 100, "a", T0 + 1000) == 5
    back = [await tokens.lease(name, "otp", 5, 100, f"b{n}", T0 + 1000 - 400 + n) for n in range(5)]
    assert back == [0] * 5
    hour = T0 - 3_600_000
    assert await tokens.lease(name, "otp", 5, 100, "c", hour) == 0
    assert await tokens.lease(name, "otp", 5, 100, "d", hour + 50) == 5


async def test_redis_has_a_clock_of_its_own(redis: Redis, name: str) -> None:
    granted, n = 0, 0
    while granted == 0 and n < 2000:
        granted, n = await Tokens(redis).lease(name, "otp", 1, 1000, f"r{n}"), n + 1
    assert granted == 1


def test_without_redis_the_workers_together_stay_below_the_rate() -> None:
    assert rate_without_redis(100, 2) * 2 == pytest.approx(80)
    assert largest_lease(1) == 1
    assert largest_lease(100) == 5


async def sent_with_backlog(tokens: Tokens, carrier: str, rate: float, seconds: float) -> list[float]:
    """When segments went, as dispatch takes its tokens, looking every 4 ms; from the first one on."""
    pacer, sent, n = Pacer(), list[float](), 0
    while not sent or n * 0.004 < sent[0] + seconds:
        now = n * 0.004
        free = pacer.available(now)
        pacer.spend(free, now)
        sent += [now] * free
        if pacer.wants(now):
            count = await tokens.lease(carrier, "otp", largest_lease(rate), rate, f"r{n}", int(T0 + 1000 * now))
            pacer.granted(count, rate, now)
        n += 1
    return sent


@pytest.mark.parametrize(("rate", "seconds"), [(0.2, 300), (3, 60), (13.7, 60), (20, 60), (39, 60), (2000, 20)])
async def test_with_a_backlog_all_of_the_rate_is_used_and_not_more(
    redis: Redis, name: str, rate: float, seconds: float
) -> None:
    sent = await sent_with_backlog(Tokens(redis), name, rate, seconds)
    assert 0.99 * rate * seconds <= len(sent) <= rate * seconds + max(1.0, rate * 0.05) + 1
    for window in (5 / rate, 10.0):
        most, first = 0, 0
        for last, at in enumerate(sent):
            while sent[first] <= at - window:
                first += 1
            most = max(most, last - first + 1)
        assert most <= rate * window + max(1.0, rate * 0.05) + 1


async def test_a_carrier_that_is_stopped_gets_nothing_even_of_a_full_bucket(redis: Redis, name: str) -> None:
    tokens = Tokens(redis)
    await tokens.lease(name, "otp", 1, 100, "start", T0)
    assert await tokens.lease(name, "otp", 1, 100, "of five", T0 + 1000) == 1
    assert await tokens.lease(name, "otp", 5, 0, "stopped", T0 + 1000) == 0
    assert await tokens.lease(name, "otp", 5, 0, "stopped longer", T0 + 60_000) == 0
    assert await tokens.lease(name, "otp", 5, 0.2, "slow", T0 + 60_000) == 1
    assert await tokens.lease(name, "otp", 5, 0.2, "slow again", T0 + 60_001) == 0
    assert largest_lease(0) == 0 and largest_lease(0.2) == 1
