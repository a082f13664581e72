"""What was settled before memory and log begin: Redis knows, else PostgreSQL, and marketing asks both."""

from __future__ import annotations

import time

import psycopg
import pytest

from infra.redis.client import connect
from infra.redis.settled import SettledWindow
from schemas.records.wire import Started
from schemas.values.lanes import Lane
from schemas.values.positions import everyone
from tests.support.dispatch.env import DispatchEnv, MakeEnv
from tests.support.dispatch.topics import TENANT
from tests.support.waiting import until

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("patient_redis")]
HALF = everyone(5)


def begun(env: DispatchEnv) -> int:
    """Positions started by this run."""
    total = 0
    for record in env.of(Started):
        total |= record.positions
    return total


def seen_in_postgres(env: DispatchEnv, chunk: str) -> None:
    """The sink has seen half of the chunk started."""
    with psycopg.connect(env.database_url) as connection:
        connection.execute(
            "INSERT INTO attempt_chunks (tenant, chunk, send, carrier, started, at) VALUES (%s, %s, 1, %s, %s, 0)",
            (TENANT, chunk, env.carrier, HALF.to_bytes(1, "little")),
        )


@pytest.mark.parametrize(("lane", "expected"), [(Lane.MARKETING, everyone(10) & ~HALF), (Lane.TRANSACTIONAL, everyone(10))])
async def test_with_a_young_redis_marketing_asks_postgresql(make_env: MakeEnv, lane: Lane, expected: int) -> None:
    env = make_env(lane)
    await env.open()
    chunk = env.slice(10)
    seen_in_postgres(env, chunk.chunk)
    env.put(chunk)
    await env.start()
    await until(lambda: env.committed()[0] == env.dispatch_end())
    assert begun(env) == expected
    assert len(env.times_taken()) == expected.bit_count()


@pytest.mark.parametrize("lane", [Lane.MARKETING, Lane.OTP])
async def test_redis_remembers_what_was_settled(make_env: MakeEnv, lane: Lane) -> None:
    env = make_env(lane)
    await env.open()
    chunk = env.slice(10)
    redis = connect(env.redis_url)
    window = SettledWindow(redis)
    await window.merge({(chunk.chunk, 1): HALF})
    env.put(chunk)
    await env.start()
    await until(lambda: env.committed()[0] == env.dispatch_end())
    assert begun(env) == everyone(10) & ~HALF
    deadline = time.monotonic() + 30
    while await window.read([(chunk.chunk, 1)]) != [everyone(10)]:
        assert time.monotonic() < deadline, "it was not noted within 30 s"
    assert await window.read([(chunk.chunk, 1)]) == [everyone(10)]
    await redis.close()
