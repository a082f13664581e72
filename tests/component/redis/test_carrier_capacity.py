"""CarrierCapacity, assignments and the waiting flag on a real Redis, with the time passed in."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.redis.assignments import among, merge
from infra.redis.carrier_capacity import CapacityRequest, CarrierCapacity, room_of
from infra.redis.client import Redis

pytestmark = pytest.mark.stack
T0 = 1_800_000_000_000


def ask(carrier: str, chunk: str, cost: int, *, send: int = 1, rate: float = 200, least: int = 1) -> CapacityRequest:
    return CapacityRequest(carrier=carrier, lane="marketing", chunk=chunk, send=send, cost=cost, rate=rate, least=least)


async def test_room_is_half_a_second_and_the_last_ask_gets_a_part(redis: Redis, name: str) -> None:
    capacity = CarrierCapacity(redis)
    assert await capacity.free(name, "marketing", 200, T0) == room_of(200) == 100
    assert await capacity.ask([ask(name, "a", 60), ask(name, "b", 60), ask(name, "c", 10)], T0) == [60, 40, 0]
    assert await capacity.free(name, "marketing", 200, T0) == 0


async def test_several_carriers_in_one_burst_keep_their_order(redis: Redis, name: str) -> None:
    asks = [ask(name, "a", 90), ask(f"{name}x", "b", 80), ask(name, "c", 90), ask(f"{name}x", "d", 80)]
    assert await CarrierCapacity(redis).ask(asks, T0) == [90, 80, 10, 20]


async def test_a_repeat_gets_what_it_had(redis: Redis, name: str) -> None:
    capacity = CarrierCapacity(redis)
    await capacity.ask([ask(name, "a", 70), ask(name, "b", 50)], T0)
    assert await capacity.ask([ask(name, "b", 50), ask(name, "a", 70)], T0 + 5) == [30, 70]
    assert await capacity.free(name, "marketing", 200, T0 + 5) == 0


async def test_a_carrier_that_is_stopped_has_no_room_not_even_for_one_message(redis: Redis, name: str) -> None:
    capacity = CarrierCapacity(redis)
    assert await capacity.ask([ask(name, "a", 30, rate=0, least=3)], T0) == [0]
    assert await capacity.free(name, "marketing", 0, T0) == room_of(0) == 0
    assert await capacity.ask([ask(name, "a", 30, rate=0.2, least=3)], T0) == [3]


def further(carrier: str, chunk: str, cost: int, *, least: int = 1, rate: float = 200) -> CapacityRequest:
    return CapacityRequest(
        carrier=carrier, lane="marketing", chunk=chunk, send=1, cost=cost, rate=rate, least=least, further=True
    )


async def test_further_room_does_not_count_what_it_has_there_already(redis: Redis, name: str) -> None:
    capacity = CarrierCapacity(redis)
    assert await capacity.ask([ask(name, "a", 60), further(name, "a", 60)], T0) == [60, 40]
    assert await capacity.ask([further(name, "a", 60)], T0) == [0]
    await capacity.renew(name, "marketing", {("a", 1): 70}, T0)
    assert await capacity.ask([further(name, "a", 60), further(name, "b", 60)], T0) == [30, 0]


async def test_nobody_overtakes_a_long_message_that_does_not_fit_yet(redis: Redis, name: str) -> None:
    capacity = CarrierCapacity(redis)
    await capacity.ask([ask(name, "a", 98)], T0)
    assert await capacity.ask([further(name, "long", 30, least=3), further(name, "b", 2)], T0) == [0, 0]
    assert await capacity.free(name, "marketing", 200, T0) == 2
    await capacity.renew(name, "marketing", {("a", 1): 90}, T0)
    assert await capacity.ask([further(name, "long", 9, least=3), further(name, "b", 2)], T0) == [9, 1]
    assert await capacity.ask([further(f"{name}x", "long", 9, least=3, rate=1)], T0) == [3]


async def test_several_places_are_looked_at_together_and_said_to_wait(redis: Redis, name: str) -> None:
    capacity = CarrierCapacity(redis)
    await capacity.ask([ask(name, "a", 60)])
    assert await capacity.look_at([(name, "marketing", 200), (f"{name}x", "otp", 10)]) == [40, 5]
    assert await capacity.are_waiting([(name, "marketing"), (f"{name}x", "otp"), (name, "otp")]) == [True, True, False]


async def test_what_dispatch_removes_is_free(redis: Redis, name: str) -> None:
    capacity = CarrierCapacity(redis)
    await capacity.ask([ask(name, "a", 70), ask(name, "b", 50)], T0)
    await capacity.remove(name, "marketing", [("a", 1), ("unknown", 1)])
    assert await capacity.free(name, "marketing", 200, T0) == 70


async def test_entries_end_unrenewed_while_dispatch_lives(redis: Redis, name: str) -> None:
    capacity = CarrierCapacity(redis)
    await capacity.ask([ask(name, "a", 70), ask(name, "b", 30)], T0)
    await capacity.renew(name, "marketing", {("a", 1): 20}, T0 + 9_000)
    assert await capacity.free(name, "marketing", 200, T0 + 9_500) == 50
    await capacity.renew(name, "marketing", {("a", 1): 20}, T0 + 18_000)
    assert await capacity.free(name, "marketing", 200, T0 + 19_500) == 80


async def test_many_places_are_renewed_together(redis: Redis, name: str) -> None:
    capacity = CarrierCapacity(redis)
    places = [f"{name}{n}" for n in range(450)]
    await capacity.renew_all([(place, "marketing", {("a", 1): n % 50}) for n, place in enumerate(places)])
    free = await capacity.look_at([(place, "marketing", 200) for place in places])
    assert free == [100 - n % 50 for n in range(450)]


async def test_without_dispatch_no_second_room_is_granted(redis: Redis, name: str) -> None:
    capacity = CarrierCapacity(redis)
    assert await capacity.ask([ask(name, "a", 100)], T0) == [100]
    assert await capacity.ask([ask(name, "b", 100)], T0 + 60_000) == [0]
    await capacity.renew(name, "marketing", {}, T0 + 70_000)
    assert await capacity.ask([ask(name, "b", 100)], T0 + 71_000) == [0]
    await capacity.renew(name, "marketing", {}, T0 + 79_000)
    assert await capacity.ask([ask(name, "b", 100)], T0 + 80_500) == [100]


async def test_an_empty_room_takes_a_message_that_is_larger(redis: Redis, name: str) -> None:
    capacity = CarrierCapacity(redis)
    assert await capacity.ask([ask(name, "a", 30, rate=1, least=3)], T0) == [3]
    assert await capacity.ask([ask(name, "b", 30, rate=1, least=3)], T0) == [0]


async def test_the_first_writer_chooses_the_carrier(redis: Redis, name: str) -> None:
    capacity = CarrierCapacity(redis)
    assert await capacity.assign([(name, 1, {"x": 0b0011, "y": 0b0100})]) == [{"x": 0b0011, "y": 0b0100}]
    assert await capacity.assign([(name, 1, {"y": 0b1110}), (name, 2, {"y": 0b1111})]) == [
        {"x": 0b0010, "y": 0b1100},
        {"y": 0b1111},
    ]


async def test_writers_at_the_same_moment_agree(redis: Redis, name: str) -> None:
    capacity = CarrierCapacity(redis)
    answers = await asyncio.gather(*(capacity.assign([(name, 1, {f"c{n}": 0b1111})]) for n in range(8)))
    assert all(answer == answers[0] for answer in answers)
    first = answers[0][0]
    assert sum(first.values()) == 0b1111
    assert await capacity.assign([(name, 1, {"z": 1}), (f"{name}b", 1, {"z": 1})]) == [{next(iter(first)): 1}, {"z": 1}]


async def test_the_waiting_flag(redis: Redis, name: str) -> None:
    capacity = CarrierCapacity(redis)
    places = [(name, "marketing"), (name, "otp")]
    assert await capacity.are_waiting(places) == [False, False]
    await capacity.set_waiting(name, "marketing")
    assert await capacity.are_waiting(places) == [True, False]


maps = st.dictionaries(st.sampled_from("abc"), st.integers(1, 2**16), max_size=3)


@given(maps, maps)
def test_no_position_ever_has_two_carriers(first: dict[str, int], then: dict[str, int]) -> None:
    known = merge({}, first)
    merged = merge(known, then)
    total = 0
    for positions in merged.values():
        assert total & positions == 0
        total |= positions
    assert all(merged[carrier] & positions == positions for carrier, positions in known.items())
    answer, wanted = among(merged, then), 0
    for positions in then.values():
        wanted |= positions
    assert sum(answer.values()) == wanted
