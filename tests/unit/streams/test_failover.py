"""Intake with several carriers on a route: who gets what while one of them is down, and that a repeat finds the same."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from schemas.rules.carrier_health import PROBES, BreakerState, CarrierHealth
from schemas.values.positions import everyone
from tests.support.streams.fakes import NOW, CarrierFact, FakePorts, RouteFact, numbers, slice_of
from tests.support.streams.outputs import dispatched, held
from tests.support.streams.runs import run_intake

OPEN = CarrierHealth(state=BreakerState.OPEN, since=NOW, fault="BindRefused")
PROBING = CarrierHealth(state=BreakerState.PROBING, since=NOW)
CLOSED = CarrierHealth(state=BreakerState.CLOSED, since=NOW)


@pytest.fixture
def fakes() -> FakePorts:
    made = FakePorts()
    made.run()
    made.carriers = {"a": CarrierFact(partition=1), "b": CarrierFact(partition=2), "c": CarrierFact(partition=3)}
    made.routes = [RouteFact(prefix="", carriers=("a", "b", "c"), price=700)]
    return made


async def sent_to(fakes: FakePorts, size: int = 10) -> dict[str | None, int]:
    return {one.carrier: one.positions for one in dispatched(await run_intake(fakes, slice_of(numbers(size))))}


async def test_the_preferred_one_gets_all_while_nobody_knows_anything_bad_of_it(fakes: FakePorts) -> None:
    assert await sent_to(fakes) == {"a": everyone(10)}
    fakes.carrier_health = {"a": CLOSED, "b": OPEN}
    assert await sent_to(fakes) == {"a": everyone(10)}


async def test_one_that_is_down_is_passed_over_and_none_if_all_are(fakes: FakePorts) -> None:
    fakes.carrier_health = {"a": OPEN}
    assert await sent_to(fakes) == {"b": everyone(10)}
    fakes.assigned.clear()
    fakes.carrier_health = {"a": OPEN, "b": OPEN, "c": OPEN}
    assert await sent_to(fakes) == {"a": everyone(10)}


async def test_one_without_a_rate_is_passed_over(fakes: FakePorts) -> None:
    fakes.carriers["a"] = CarrierFact(rate=0, partition=1)
    assert await sent_to(fakes) == {"b": everyone(10)}


async def test_one_for_which_work_waits_is_passed_over_unless_all_are_full(fakes: FakePorts) -> None:
    fakes.work_waits_for, fakes.carrier_health = {"a"}, {"b": OPEN}
    assert await sent_to(fakes) == {"c": everyone(10)}
    fakes.assigned.clear()
    fakes.work_waits_for = {"a", "c"}
    assert await sent_to(fakes) == {"a": everyone(10)}
    fakes.assigned.clear()
    fakes.carrier_health = {"a": OPEN}
    fakes.work_waits_for = {"b", "c"}
    assert await sent_to(fakes) == {"b": everyone(10)}


async def test_without_another_one_a_stopped_carrier_says_so(fakes: FakePorts) -> None:
    fakes.carriers["a"] = CarrierFact(rate=0, partition=1)
    fakes.routes = [RouteFact(prefix="", carriers=("a",), price=700)]
    fakes.room = 0
    [row] = held(await run_intake(fakes, slice_of(numbers(10))))
    assert (row.reason, row.slice.carrier) == ("carrier_stopped", "a")


async def test_one_that_may_be_back_gets_a_few_and_no_more_in_this_batch(fakes: FakePorts) -> None:
    fakes.carrier_health = {"a": PROBING}
    first, second = slice_of(numbers(10)), slice_of(numbers(10), chunk="chk_01HZZZZZZZZZZZZZZZZZZZZZZZ_0_1")
    outputs = dispatched(await run_intake(fakes, first, second))
    assert [(one.chunk == first.chunk, one.carrier, one.positions.bit_count()) for one in outputs] == [
        (True, "a", PROBES),
        (True, "b", 10 - PROBES),
        (False, "b", 10),
    ]


async def test_a_repeat_finds_the_first_carrier_whatever_has_become_of_it(fakes: FakePorts) -> None:
    fakes.carrier_health = {"a": OPEN}
    assert await sent_to(fakes) == {"b": everyone(10)}
    fakes.carrier_health = {"b": OPEN}
    assert await sent_to(fakes) == {"b": everyone(10)}


async def test_what_was_given_up_finds_the_next_carrier_at_its_old_price(fakes: FakePorts) -> None:
    [first] = dispatched(await run_intake(fakes, slice_of(numbers(10))))
    fakes.carrier_health = {"a": OPEN}
    fakes.routes = [RouteFact(prefix="", carriers=("a", "b"), price=900)]
    [again] = dispatched(await run_intake(fakes, replace(first, send=2)))
    assert (again.carrier, again.price, again.send, again.positions) == ("b", 700, 2, everyone(10))


async def test_nobody_is_asked_where_there_is_no_choice(fakes: FakePorts) -> None:
    fakes.routes = [RouteFact(prefix="", carriers=("a",), price=700)]
    await sent_to(fakes)
    assert fakes.health_asked == []
