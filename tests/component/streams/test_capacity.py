"""Room at carriers on the real Redis, and without one."""

from __future__ import annotations

import uuid

import pytest

from infra.redis.carrier_capacity import CarrierCapacity
from infra.redis.client import connect
from infra.services.stack import Stack
from streams.adapters.redis_capacity import RedisCapacity
from streams.ports import CapacityAsk


def ask(carrier: str, chunk: str, cost: int, *, rate: int = 20, lane: str = "marketing") -> CapacityAsk:
    return CapacityAsk(carrier=carrier, lane=lane, chunk=chunk, send=1, cost=cost, least=1, rate=rate)


@pytest.mark.stack
@pytest.mark.usefixtures("patient_redis")
async def test_room_is_half_a_second_of_the_rate_and_a_repeat_gets_the_same(services: Stack) -> None:
    carrier = f"c-{uuid.uuid4().hex[:8]}"
    redis = connect(services.redis)
    space = RedisCapacity(CarrierCapacity(redis), lambda: 0.0)
    assert await space.ask([ask(carrier, "a", 7), ask(carrier, "b", 7)]) == [7, 3]
    assert await space.ask([ask(carrier, "a", 7), ask(carrier, "c", 1)]) == [7, 0]
    await redis.close()


@pytest.mark.stack
@pytest.mark.usefixtures("patient_redis")
async def test_nobody_passes_those_who_wait_but_codes(services: Stack) -> None:
    carrier = f"c-{uuid.uuid4().hex[:8]}"
    redis = connect(services.redis)
    capacity = CarrierCapacity(redis)
    space = RedisCapacity(capacity, lambda: 0.0)
    await capacity.set_waiting(carrier, "marketing")
    await capacity.set_waiting(carrier, "otp")
    assert await space.ask(
        [ask(carrier, "a", 1), ask(carrier, "b", 1, lane="transactional"), ask(carrier, "c", 1, lane="otp")]
    ) == [0, 1, 1]
    await redis.close()


@pytest.mark.stack
@pytest.mark.usefixtures("patient_redis")
async def test_the_first_choice_of_a_carrier_stays(services: Stack) -> None:
    chunk = f"chk-{uuid.uuid4().hex}"
    redis = connect(services.redis)
    space = RedisCapacity(CarrierCapacity(redis), lambda: 0.0)
    assert await space.assign([(chunk, 1, {"a": 0b11})]) == [{"a": 0b11}]
    assert await space.assign([(chunk, 1, {"b": 0b111}), (chunk, 2, {"b": 0b1})]) == [{"a": 0b11, "b": 0b100}, {"b": 0b1}]
    assert await space.already_assigned([(chunk, 3), (chunk, 1), (chunk, 2)]) == [{}, {"a": 0b11, "b": 0b100}, {"b": 0b1}]
    assert await space.assign([(chunk, 3, {"c": 0b1})]) == [{"c": 0b1}]
    await redis.close()


async def test_without_redis_there_is_less_room_and_no_memory_of_choices() -> None:
    now = 100.0
    redis = connect("redis://127.0.0.1:1/0")
    space = RedisCapacity(CarrierCapacity(redis), lambda: now)
    assert await space.assign([("c", 1, {"a": 0b11})]) == [{"a": 0b11}]
    assert await space.already_assigned([("c", 1), ("c", 2)]) == [{}, {}]
    assert await space.ask([ask("x", "a", 100)]) == [8]
    assert await space.ask([ask("x", "b", 100)]) == [0]
    now += 0.25
    assert await space.ask([ask("x", "b", 100)]) == [4]
    now += 60.0
    assert await space.ask([ask("x", "b", 3), ask("x", "c", 100)]) == [3, 5]
    await redis.close()
