"""A tenant's rate: over it 429 with what helps, which uses up no key; over all gateways together; nobody without Redis.

In: a real Redis, accounts with limits. Out: what is granted, and what answers say.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest

from gateway.auth.accounts import Account, Limit
from gateway.auth.rate_limits import RateLimits, Standing
from gateway.http.problem import Problem
from gateway.redis_batches import RedisBatches
from infra.redis.client import Redis, connect
from infra.services.stack import Stack
from infra.telemetry.metrics import Metrics

pytestmark = pytest.mark.stack


def account(rate: float, burst: int, tenant: str = "") -> Account:
    return Account(
        tenant=tenant or secrets.token_hex(8),
        key="k",
        hash=b"",
        lanes=frozenset(),
        senders=None,
        available=0,
        limit=Limit(rate, burst),
    )


@pytest.fixture
async def redis(services: Stack) -> AsyncIterator[Redis]:
    client = connect(services.redis)
    yield client
    await client.close()


async def taken(limits: RateLimits, whose: Account, most: int) -> tuple[int, Problem | None]:
    """How many requests went through before the first that did not."""
    for count in range(most):
        try:
            assert await limits.take(whose) is not None
        except Problem as problem:
            return count, problem
    return most, None


async def test_a_burst_goes_through_and_then_the_answer_says_when(redis: Redis) -> None:
    whose = account(0.5, 5)
    count, problem = await taken(RateLimits(RedisBatches(redis), Metrics()), whose, 20)
    assert count == 5 and problem is not None
    assert (problem.status, problem.code) == (429, "rate_limited")
    assert problem.headers["Retry-After"] in ("1", "2")
    assert problem.headers["RateLimit-Policy"] == '"tenant";q=5;w=10'
    assert problem.headers["RateLimit"].startswith('"tenant";r=0;t=')


async def test_what_is_left_is_counted_down(redis: Redis) -> None:
    limits, whose = RateLimits(RedisBatches(redis), Metrics()), account(0.01, 3)
    standings = [await limits.take(whose) for _ in range(3)]
    assert [standing and standing.left for standing in standings] == [2, 1, 0]


async def test_two_gateways_together_grant_no_more_than_one(redis: Redis) -> None:
    first, second = (RateLimits(RedisBatches(redis), Metrics()) for _ in range(2))
    whose = account(100.0, 50)
    counts = await asyncio.gather(taken(first, whose, 200), taken(second, whose, 200))
    # What comes in while they ask: a tenth of a second at most on a slow machine.
    assert 50 <= sum(count for count, _ in counts) <= 50 + 100
    assert all(problem is not None for _, problem in counts)


async def test_requests_taken_ahead_end_with_their_time(redis: Redis) -> None:
    now = [0.0]
    limits, whose = RateLimits(RedisBatches(redis), Metrics(), lambda: now[0]), account(100.0, 100)
    assert isinstance(await limits.take(whose), Standing)
    assert limits.take_ahead(whose) is not None
    now[0] = 1.0
    assert limits.take_ahead(whose) is None


async def test_a_limit_that_was_changed_is_asked_for_anew(redis: Redis) -> None:
    limits, whose = RateLimits(RedisBatches(redis), Metrics()), account(100.0, 100)
    await limits.take(whose)
    assert limits.take_ahead(account(5.0, 5, whose.tenant)) is None


async def test_without_redis_nobody_is_held_back() -> None:
    away = connect("redis://127.0.0.1:9/0")
    limits = RateLimits(RedisBatches(away), Metrics())
    assert [await limits.take(account(0.1, 1)) for _ in range(5)] == [None] * 5
    await away.close()
