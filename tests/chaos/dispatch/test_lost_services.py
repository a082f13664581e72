"""Kafka, Redis or PostgreSQL away from dispatch in mid-traffic, for longer than anybody's patience: what was noted is kept.

The services are this file's own. Kafka is stopped, not ended: requests that hang and are answered after all are harder on
the log of calls than connections that are refused.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import redis

from connectors.simulator.script import Script
from infra.kafka import topic_admin
from infra.runtime.role import FAILED
from infra.services.service import Service
from infra.services.stack import Stack
from schemas.records.codec import encode
from schemas.records.topics import DISPATCH_SHARED
from schemas.records.wire import Envelope, Returned, Settled
from schemas.values.lanes import Lane
from tests.support.dispatch.env import DispatchEnv, MakeEnv
from tests.support.dispatch.topics import outcomes
from tests.support.service_stack import durable_services
from tests.support.waiting import until

pytestmark = [pytest.mark.stack, pytest.mark.slow]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Services that may be ended."""
    with durable_services(tmp_path_factory.mktemp("perishable")) as stack:
        yield stack


@pytest.fixture(scope="module")
def topics(services: Stack) -> None:
    """All topics there, with first offsets."""
    topic_admin.apply(services.kafka, 1)


@asynccontextmanager
async def away(services: Stack, name: str, how: signal.Signals) -> AsyncIterator[None]:
    """One service stopped or killed, and back afterwards."""
    [service] = [one for one in services.started if one.name == name]
    assert service.pid is not None
    os.kill(service.pid, how)
    try:
        if how is signal.SIGKILL:
            await until(lambda: not service.alive())
        yield
    finally:
        await asyncio.to_thread(back, service, how)


def back(service: Service, how: signal.Signals) -> None:
    if how is signal.SIGSTOP and service.pid is not None:
        os.kill(service.pid, signal.SIGCONT)
    else:
        service.start()


async def comes_to_an_end(env: DispatchEnv, messages: int) -> None:
    """Everything is at its end, nothing was taken twice, and whatever is called sent is with the carrier."""
    await until(lambda: len(seen := outcomes(env.of(Settled))) == messages and "not_submitted" not in seen.values())
    ends = list(outcomes(env.of(Settled)).values())
    taken = env.times_taken()
    assert set(taken.values()) == {1}, "nothing twice"
    assert set(ends) <= {"sent", "uncertain"} and env.of(Returned) == []
    assert ends.count("sent") <= len(taken) <= messages
    await until(lambda: env.committed()[0] == env.dispatch_end())


async def test_kafka_away_longer_than_a_producer_waits(services: Stack, make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    await env.open(Script(answer_delay_seconds=0.05), rate=200)
    process = await env.spawn()
    env.put(*(env.slice(100, number) for number in range(4)))
    await until(lambda: len(env.times_taken()) > 60)
    async with away(services, "kafka", signal.SIGSTOP):
        await until(lambda: "log_again" in env.said("dispatch-bulk") or process.poll() is not None)
        gone_out = len(env.times_taken())
        assert 60 < gone_out < 400, "nothing is sent without its start in the log"
    await until(lambda: len(env.times_taken()) > gone_out or process.poll() is not None)
    if process.poll() is not None:
        assert process.returncode == FAILED
        await env.spawn()
    await comes_to_an_end(env, 400)
    assert "sent" in outcomes(env.of(Settled)).values()


async def test_redis_away_and_back_empty(services: Stack, make_env: MakeEnv) -> None:
    env = make_env(Lane.MARKETING)
    await env.open(rate=200)
    slices = [env.slice(100, number) for number in range(4)]
    await env.start()
    env.put(*slices[:3])
    await until(lambda: len(env.times_taken()) > 40)
    async with away(services, "redis", signal.SIGKILL):
        before = len(env.times_taken())
        env.put(slices[3])  # what was there may have gone until nobody saw Redis any more
        await until(lambda: len(env.times_taken()) > before + 60)
    with redis.Redis.from_url(services.redis) as client:
        client.flushall()
    await comes_to_an_end(env, 400)
    assert len(env.times_taken()) == 400 and set(outcomes(env.of(Settled)).values()) == {"sent"}
    await env.stop()
    env.put(*slices)
    await env.start()
    await until(lambda: env.committed()[0] == env.dispatch_end())
    assert sum(env.times_taken().values()) == 400, "the log knows what Redis has forgotten"


@pytest.mark.parametrize("lane", [Lane.MARKETING, Lane.TRANSACTIONAL])
async def test_postgresql_away(services: Stack, make_env: MakeEnv, lane: Lane) -> None:
    env = make_env(lane)
    await env.open(rate=200)
    await env.start()
    env.put(env.slice(150))
    await until(lambda: len(env.times_taken()) > 40)
    async with away(services, "postgres", signal.SIGKILL):
        env.put(env.slice(50, 1))
        await until(lambda: len(env.times_taken()) == (150 if lane is Lane.MARKETING else 200))
        await until(lambda: len(outcomes(env.of(Settled))) == len(env.times_taken()))
        waits = lane is Lane.MARKETING
        assert len(outcomes(env.of(Settled))) == (150 if waits else 200), (
            "marketing waits for whoever can tell what was sent before"
        )
    await comes_to_an_end(env, 200)
    assert set(outcomes(env.of(Settled)).values()) == {"sent"} and len(env.times_taken()) == 200


async def test_codes_go_on_beside_marketing_that_waits_for_postgresql(services: Stack, make_env: MakeEnv) -> None:
    env = make_env(Lane.OTP)
    await env.open(Script(most_binds=1), rate=200)
    env.database("UPDATE carriers SET binds = 1, one_process = true")
    await env.start()
    env.put(env.slice(3, 0))
    await until(lambda: len(env.times_taken()) == 3)
    async with away(services, "postgres", signal.SIGKILL):
        market = [env.slice(5, number, lane=str(Lane.MARKETING)) for number in range(1, 4)]
        for number, slice_ in enumerate(market):
            env.put_raw(encode(Envelope(slices=[slice_])), topic=DISPATCH_SHARED)
            env.put(env.slice(3, 10 + number))
            await until(lambda number=number: len(env.times_taken()) == 3 * (number + 2))  # type: ignore[misc]
    await until(lambda: len(env.times_taken()) == 12 + 15)
    assert set(env.times_taken().values()) == {1}
